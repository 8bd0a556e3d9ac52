/**
 * The key that an object gets when it is renamed. Its bytes stay, and an encrypted name has to open with what they tell: the
 * keys of this run may be others than those of the object (another salt or cipher since), and what is only renamed
 * tells nobody of them.
 */
import { HEADER_MOST, type Header, parseHeader, unlockHeader } from "../../container/segmented.ts";
import { DamagedError } from "../../errors.ts";
import type { NameFields, StoredVersion } from "../../names/stored-name.ts";
import type { Storage } from "../../storage/storage.ts";
import type { RunKeys } from "../object/keys.ts";
import type { ObjectSealer } from "../object/object-sealer.ts";

export interface NewKeyContext {
  readonly storage: Pick<Storage, "readWhole">;
  readonly keys: RunKeys;
  readonly sealer: ObjectSealer;
}

/** Throws the storage's errors where the header has to be read: names that were not encrypted, or in the classic form. */
export async function newKeyOf(
  { key }: StoredVersion,
  to: NameFields,
  { storage, keys, sealer }: NewKeyContext,
): Promise<string> {
  const known = sealer.keyAfter(key, to);
  if (known !== undefined) return known;
  const start = await storage.readWhole(key, { range: { start: 0, end: HEADER_MOST } });
  return sealer.keyOver(to, headerIn(start, keys));
}

function headerIn(start: Buffer, { segmented }: RunKeys): Header | undefined {
  try {
    const header = parseHeader(start);
    unlockHeader(header, segmented, { allowUnencrypted: true });
    return header;
  } catch (error) {
    // What is damaged, or of the classic container, tells nothing; a name of the classic form needs nothing else.
    if (error instanceof DamagedError) return undefined;
    throw error;
  }
}
