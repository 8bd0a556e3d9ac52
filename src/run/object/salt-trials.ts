/**
 * Which salts of objects that nothing vouches for yet are worth a key derivation. Salts come from strangers and from
 * damage, too: of those there may be any number, each seen now and then, while the one that is looked for seals many objects.
 */
import { formatKeySource, type PasswordSource } from "../../crypto/key-source.ts";
import type { SegmentedKeyRing } from "../../crypto/segmented-key-ring.ts";

/** So many are tried at once; the next must have been seen twice, and each further one once more. */
const AT_ONCE = 4;
/** So many are remembered as seen. */
const SEEN_MOST = 1000;

export class SaltTrials {
  private readonly ring: SegmentedKeyRing;
  private readonly budget: { derivations: number };
  private readonly seen = new Map<string, number>();
  private tried = 0;

  /** @param budget what is left of derivations; may be shared. */
  constructor(ring: SegmentedKeyRing, budget: { derivations: number }) {
    this.ring = ring;
    this.budget = budget;
  }

  /** Whether the key of a salt may be asked for: it is known, or a derivation is granted here. */
  grants(source: PasswordSource): boolean {
    if (this.ring.knows(source)) return true;
    const id = formatKeySource(source).toString("latin1");
    const times = (this.seen.get(id) ?? 0) + 1;
    if (times > 1 || this.seen.size < SEEN_MOST) this.seen.set(id, times);
    if (this.tried >= AT_ONCE && times < this.tried - AT_ONCE + 2) return false;
    if (this.budget.derivations <= 0) return false;
    this.budget.derivations--;
    this.tried++;
    return true;
  }
}
