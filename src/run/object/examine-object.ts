/**
 * What one object says about the settings: whether it opens with them, or with which others, or why it does not.
 */
import { couldBeEncrypted, type Diagnosis, diagnose, isBlank } from "../../container/classic.ts";
import { type Header, layerOf, parseHeader, unlockHeader } from "../../container/segmented.ts";
import { prepareCrypto } from "../../crypto/aead.ts";
import { SALT_BYTES } from "../../crypto/kdf.ts";
import { formatKeySource, passwordSource } from "../../crypto/key-source.ts";
import { DamagedError, errorCode, StorageError } from "../../errors.ts";
import type { StoredVersion } from "../../names/stored-name.ts";
import { madeOtherwise } from "./misfit.ts";
import {
  isSegmented,
  type OpenContext,
  openStored,
  opensWhole,
  readingOf,
  readSample,
  streamOriginal,
} from "./open-object.ts";
import { SaltTrials } from "./salt-trials.ts";

/** Keys of segmented objects: a quarter of what the ring grants. */
const DERIVATIONS_MOST = 8;
/** Salts of classic objects. */
const CLASSIC_SALTS_MOST = 48;

/**
 * - a `Diagnosis`. `closed`: whole in form; another password, or damage where it does not show.
 * - `broken`: evidently damaged, whatever the settings; it decides nothing.
 * - `unknown`: it could not be asked. It has gone, its storage failed (it is archived, say), or it has one salt too many.
 */
export type Examined =
  | (Diagnosis & { readonly container: "classic" | "segmented"; readonly salt?: Uint8Array })
  | { readonly kind: "broken" }
  | { readonly kind: "unknown"; readonly failure?: Error };

const BROKEN = { kind: "broken" } as const;
const UNKNOWN = { kind: "unknown" } as const;

export class Examination {
  private readonly context: OpenContext;
  private readonly trials: SaltTrials;
  private readonly classicSalts = new Set<string>();

  constructor(context: OpenContext) {
    this.context = context;
    this.trials = new SaltTrials(context.keys.segmented, { derivations: DERIVATIONS_MOST });
  }

  /** @param thorough whether a large object may be read whole where its beginning decides nothing. */
  async examine(version: StoredVersion, thorough: boolean): Promise<Examined> {
    const { context } = this;
    try {
      const stored = await readSample(version, context);
      // Of a large object this is the beginning, whose length then says nothing about raw content.
      const segmented = isSegmented(stored, version, opensWhole(version) ? stored.length : -1);
      if (!segmented) return await this.examineClassic(stored, version, thorough);
      const header = headerIn(stored);
      return header === undefined ? BROKEN : this.examineHeader(header);
    } catch (error) {
      if (errorCode(error) === "ENOENT") return UNKNOWN;
      if (error instanceof StorageError && !context.signal.aborted)
        return { kind: "unknown", failure: error };
      throw error;
    }
  }

  /**
   * Small objects are opened as the settings say, which nearly always decides. Of a large one the beginning is looked at
   * first: decrypted with the right key it shows a codec's magic, or at least no noise. Only if it shows neither (stored
   * media, say) is the whole object read.
   */
  private async examineClassic(stored: Buffer, version: StoredVersion, thorough: boolean): Promise<Examined> {
    const { context } = this;
    const { encrypt, encryptionType, compress, container } = context.config;
    const small = opensWhole(version);
    const couldBe = small ? couldBeEncrypted(stored, version.size) : !isBlank(stored);
    const encryption = encrypt ? encryptionType : "none";
    const salt =
      encrypt && container === "classic" ? { salt: new Uint8Array(stored.subarray(0, SALT_BYTES)) } : {};
    const asConfigured = { kind: "opens", container: "classic", encryption, compress, ...salt } as const;
    const opens = () => small && passes(() => openStored(stored, version, context));
    if (!encrypt && opens()) return asConfigured;
    const keyRing = couldBe ? context.keys.classic : undefined;
    if (keyRing !== undefined && !this.mayDerive(stored)) return UNKNOWN;
    if (encrypt && couldBe && opens()) return asConfigured;
    if (keyRing !== undefined) await prepareCrypto("cha");
    const found = diagnose(stored, version, keyRing);
    // An empty object fits any empty file; what is blank shows nothing of how it was made.
    const tells = found.kind === "opens" ? stored.length > 0 : found.kind === "damaged" && !isBlank(stored);
    if (tells) return { ...found, container: "classic", ...salt };
    if (!small && !thorough) return UNKNOWN;
    if (!small) {
      if (await this.streamOpens(version)) return asConfigured;
      const made = await madeOtherwise(version, context);
      if (made !== undefined) return { kind: "opens", container: "classic", ...made };
    }
    return couldBe ? { kind: "closed", container: "classic" } : BROKEN;
  }

  /** Whether one more salt may be tried, if it is one; each may take two derivations. */
  private mayDerive(stored: Buffer): boolean {
    const salt = stored.toString("hex", 0, SALT_BYTES);
    if (this.classicSalts.size >= CLASSIC_SALTS_MOST && !this.classicSalts.has(salt)) return false;
    this.classicSalts.add(salt);
    return true;
  }

  /**
   * A segmented object says what it is: only the password, and whether it may be unencrypted, are in question. The header
   * tells, whose key check covers all of it; nothing else is read.
   */
  examineHeader(header: Header): Examined {
    const { context } = this;
    const { encrypt, encryptionType, compress } = context.config;
    const { source } = header;
    const hasPassword = context.keys.classic !== undefined;
    if (hasPassword && source.kind === "password" && !this.trials.grants(source)) return UNKNOWN;
    const fits = { container: "segmented", encryption: encrypt ? encryptionType : "none", compress } as const;
    try {
      unlockHeader(header, context.keys.segmented, readingOf(context));
      return { kind: "opens", ...fits, ...this.saltToAdopt(header) };
    } catch (error) {
      if (errorCode(error) === "ENOPASSWORD") return { kind: "closed", container: "segmented" };
      const layer = layerOf(error);
      if (layer === undefined) throw error;
      // Of the settings alone: no encryption where they expect it.
      if (layer === "header") return { kind: "opens", ...fits, encryption: "none" };
      // With another password, and where the header is damaged: one object decides nothing.
      return source.kind === "none" ? BROKEN : { kind: "closed", container: "segmented" };
    }
  }

  /** The salt of an authenticated header, if a key derived from it would be the one that new objects are sealed with. */
  private saltToAdopt({ source }: Header): { salt?: Uint8Array } {
    const { config } = this.context;
    if (source.kind === "none" || config.container !== "segmented") return {};
    const ours = passwordSource(config.encryptionType, source.salt);
    return formatKeySource(ours).equals(formatKeySource(source)) ? { salt: new Uint8Array(source.salt) } : {};
  }

  private async streamOpens(version: StoredVersion): Promise<boolean> {
    try {
      for await (const _ of streamOriginal(version, this.context)) this.context.signal.throwIfAborted();
      return true;
    } catch (error) {
      if (error instanceof DamagedError) return false;
      throw error;
    }
  }
}

/** Undefined where it cannot be read: damaged, or of a newer release. */
function headerIn(stored: Buffer): Header | undefined {
  try {
    return parseHeader(stored);
  } catch (error) {
    if (error instanceof DamagedError) return undefined;
    throw error;
  }
}

function passes(open: () => unknown): boolean {
  try {
    open();
    return true;
  } catch (error) {
    if (error instanceof DamagedError) return false;
    throw error;
  }
}
