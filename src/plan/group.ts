import type { StoredVersion } from "../names/stored-name.ts";
import type { Entry } from "../scan/entry.ts";

/** A stored version with what its listing knows of it. */
export interface Version extends StoredVersion {
  /** When the storage says it was stored, milliseconds since 1970; absent where that costs a call of its own. */
  readonly storedAt?: number;
  /** Bytes of the object; present only where they were asked for and the listing tells them. */
  readonly storedSize?: number;
}

/** Everything known about one path: the file at the source, if there is one, and all versions at the destination. */
export interface PathGroup {
  readonly path: string;
  entry?: Entry;
  readonly versions: Version[];
}
