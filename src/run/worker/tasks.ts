/**
 * What the main thread asks of workers, and what they answer. Plain data, made to cross threads.
 */
import type { ErrorReport } from "../../errors.ts";
import type { Manifest } from "../../metadata/manifest.ts";
import type { NameFields, StoredVersion } from "../../names/stored-name.ts";
import type { StagedObject, UnfinishedUpload } from "../../storage/storage.ts";

/** A file of the source. */
export interface SourceRef {
  readonly path: string;
  readonly size: number;
  readonly mtime: number;
  readonly etag?: string;
  /** Of a metadata manifest: its content, so that there is nothing to be read. */
  readonly manifest?: { readonly text: string; readonly md5: string };
}

export type Task =
  /** Read, hash, compress, seal and stage one file, unless its content equals one of `sameSize`. */
  | {
      readonly do: "store";
      readonly file: SourceRef;
      readonly sameSize: readonly StoredVersion[];
      /** The live version that it takes the place of: what has not changed may be copied from there. */
      readonly previous?: StoredVersion;
      /** Uploads of this path that earlier runs left. */
      readonly unfinished: readonly UnfinishedUpload[];
      /** Its ETag may be taken for its md5, and the object be copied as it is. */
      readonly byEtag?: true;
    }
  /** Only hash it. */
  | { readonly do: "hash"; readonly file: SourceRef; readonly byEtag?: true }
  /** Stage a copy of a version under another path or time, as which `file` has its content now. */
  | {
      readonly do: "copy";
      readonly version: StoredVersion;
      readonly to: NameFields;
      readonly file: SourceRef;
    }
  /** `sparse`: leave holes where the content is zeros. `isOld`: no metadata that were recorded will fit it. */
  | {
      readonly do: "restore";
      readonly version: StoredVersion;
      readonly sparse?: boolean;
      readonly isOld?: boolean;
    }
  /** Open a version under the name of a metadata manifest. */
  | { readonly do: "read-manifest"; readonly version: StoredVersion }
  | { readonly do: "verify"; readonly version: StoredVersion }
  /** Decrypt names whose keys have to be derived first. */
  | { readonly do: "open-names"; readonly keys: readonly string[] };

/** What was read from the source, as it was when it was read. */
export interface ReadFile {
  readonly size: number;
  readonly mtime: number;
  readonly md5: string;
}

export type Failed = { readonly kind: "failed"; readonly report: ErrorReport };
/** The run was told to stop; nothing was done. */
export type Stopped = { readonly kind: "stopped" };

/** Why there is nothing of a file: it has gone since it was listed, or could not be read or stored. */
export type Loss =
  | { readonly kind: "vanished" }
  /** `read`: of a file that was read, and could not be stored. */
  | (Failed & { readonly read?: ReadFile })
  | Stopped;

export type StoreOutcome =
  | { readonly kind: "stored"; readonly read: ReadFile; readonly staged: StagedObject }
  /** The content is that of a version there is already; `staged` is its renewed copy, where a new name is not enough. */
  | {
      readonly kind: "same";
      readonly read: ReadFile;
      readonly version: StoredVersion;
      readonly staged?: StagedObject;
    }
  | Loss;

export type HashOutcome = { readonly kind: "hashed"; readonly read: ReadFile } | Loss;

export type CopyOutcome =
  /** `renewed`: a new object around the same body, not the same object under another name. */
  { readonly kind: "copied"; readonly staged: StagedObject; readonly renewed: boolean } | Failed | Stopped;

export type RestoreOutcome =
  /** `replaced`: a file that was there, whose mode it keeps until metadata say otherwise. */
  | { readonly kind: "restored"; readonly replaced?: boolean }
  /** It is there already, the same. */
  | { readonly kind: "identical" }
  /** Another file is there, and `--overwrite` says to leave it. */
  | { readonly kind: "kept" }
  | Failed
  | Stopped;

export type ManifestOutcome =
  | { readonly kind: "manifest"; readonly manifest: Manifest }
  /** It is a file of the source after all. */
  | { readonly kind: "file" }
  | Failed
  | Stopped;

export type VerifyOutcome = { readonly kind: "intact"; readonly isFile: boolean } | Failed | Stopped;

export type OpenNamesOutcome =
  | { readonly kind: "names"; readonly versions: readonly (StoredVersion | undefined)[] }
  | Failed
  | Stopped;

export type Outcome =
  | StoreOutcome
  | HashOutcome
  | CopyOutcome
  | RestoreOutcome
  | ManifestOutcome
  | VerifyOutcome
  | OpenNamesOutcome;

/** What opening a name takes is counted as so many bytes: some need a key of their own. */
const WEIGHT_OF_NAME = 32 * 1024;
/** What a manifest becomes is so many times as large: text, entries, and these once more in a message. */
const TIMES_OF_MANIFEST = 8;

/** Bytes that a task will read: what batches are measured by. */
export function weightOf(task: Task): number {
  switch (task.do) {
    case "store":
    case "hash":
      return task.file.size;
    case "copy":
    case "restore":
    case "verify":
      return task.version.size;
    case "read-manifest":
      return task.version.size * TIMES_OF_MANIFEST;
    case "open-names":
      return task.keys.length * WEIGHT_OF_NAME;
  }
}

/** The same where a bucket is involved, whose server copies by itself. */
export function weightBesideServer(task: Task): number {
  const isCopied =
    task.do === "copy" || ((task.do === "store" || task.do === "hash") && task.byEtag === true);
  return isCopied ? 0 : weightOf(task);
}
