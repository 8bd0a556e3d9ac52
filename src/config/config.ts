/**
 * The settings of a run, complete and valid: what `load.ts` makes of a file and the environment.
 * Everything below the command line takes its settings from here and never from `process.env`.
 */

import type { EncryptionType } from "../crypto/aead.ts";

export interface LocalStorageConfig {
  readonly kind: "local";
  /** As configured; relative paths are relative to the working directory. */
  readonly path: string;
}

export interface S3StorageConfig {
  readonly kind: "s3";
  readonly bucket: string;
  /** Without slashes at either end; empty for the whole bucket. */
  readonly basePath: string;
  readonly endpointUrl?: string;
  readonly regionName?: string;
  /** Absent: the SDK's own chain finds credentials. */
  readonly credentials?: {
    readonly accessKeyId: string;
    readonly secretAccessKey: string;
    readonly sessionToken?: string;
  };
  /** Absent: path style for custom endpoints, virtual hosts on AWS. */
  readonly forcePathStyle?: boolean;
  readonly storageClass?: string;
}

export type StorageConfig = LocalStorageConfig | S3StorageConfig;

/** `classic` as the older tool writes it; `segmented` is our own (docs/format.md). */
export type ContainerKind = "classic" | "segmented";

/** `auto` is zstd with a quick look at whether the data compresses at all. */
export type CompressionChoice = "auto" | "zstd" | "xz" | "gzip" | "none";

/** How many past days, weeks, months and years keep the state that they ended with. */
export interface Thinning {
  readonly daily: number;
  readonly weekly: number;
  readonly monthly: number;
  readonly yearly: number;
}

/** One of several sources. */
export interface NamedSource {
  /** The first component of the paths of its files. */
  readonly name: string;
  readonly storage: StorageConfig;
  /** Folders, relative with a trailing slash, that are left out since the destination lies there. */
  readonly excludes: readonly string[];
}

/** Files that are stored otherwise than the settings say. */
export interface ObjectRule {
  /** Patterns in the syntax of gitignore, relative to the root of what is stored; none: every file. */
  readonly match: readonly string[];
  /** Bytes, both exclusive. */
  readonly largerThan?: number;
  readonly smallerThan?: number;
  readonly encrypt?: boolean;
  readonly compression?: CompressionChoice;
  readonly storageClass?: string;
}

export interface Config {
  /** Needed for a backup only: this, or `sources`. */
  readonly src?: StorageConfig;
  /** Several sources, stored below their names. */
  readonly sources?: readonly NamedSource[];
  readonly dest: StorageConfig;
  readonly restore: StorageConfig;
  /** Whether `restore` is the default folder in the temp directory, which has to be private and ours. */
  readonly restoreIsDefault: boolean;

  readonly encrypt: boolean;
  readonly encryptFilenames: boolean;
  readonly encryptionType: EncryptionType;
  /** Undefined when nothing needs one. An empty one only reads. */
  readonly password?: string;
  /** 16 bytes; absent: that of the objects already there, or a random one. */
  readonly salt?: Uint8Array;

  /** What new objects are written in; every object says for itself what it is. */
  readonly container: ContainerKind;
  /** Whether a backup records metadata, and, with the classic container, a restore takes manifests for what they are. */
  readonly metadata: boolean;
  readonly compress: boolean;
  /** The codec of the segmented container; `none` where `compress` is off. */
  readonly compression: CompressionChoice;
  readonly zstdLevel: number;
  readonly lzmaLevel: number;
  readonly gzipLevel: number;
  /** Exceptions from encryption, compression and the storage class: for each, the first that fits and names it decides. */
  readonly rules?: readonly ObjectRule[];

  /** The most files in flight. Null: a usual number, or what the run finds out to be best (run/worker/files-in-flight.ts). */
  readonly backupProcesses: number | null;
  readonly restoreProcesses: number | null;

  /** Null: for ever; 0: removed at once. */
  readonly deletedKeepDays: number | null;
  /**
   * How long versions are kept that another one took the place of. Null: there is no history, only the newest version
   * of a file is kept.
   */
  readonly versionsKeepDays: number | "forever" | null;
  /** Past moments whose states are kept longer than that. */
  readonly keep?: Thinning;
  /** Days between the wish to remove a retired version and its removal. Only with history. */
  readonly purgeDelayDays: number;
  /** How a version is retired: by another name, or by a tombstone beside it. The latter only with history. */
  readonly retire: "rename" | "tombstone";
  /** Already translated to JavaScript, anchored at the start of the path. */
  readonly ignore: readonly RegExp[];
  /** What else of the source is left out: rules in the syntax of gitignore, and by what a file is. */
  readonly exclusions: {
    readonly exclude: readonly string[];
    readonly include: readonly string[];
    readonly caches: boolean;
    /** Bytes. */
    readonly largerThan?: number;
    readonly oneFileSystem: boolean;
    /** Only these files, and what lies in these folders. */
    readonly only?: readonly string[];
  };
  /** Folders of the source, relative with a trailing slash, that are left out since the destination lies there. */
  readonly sourceExcludes: readonly string[];
  /** Above this share (0..1) of vanished files nothing is marked without `--allow-mass-delete`. */
  readonly massDeleteShare: number;
  /** Days after which unfinished uploads and temporary files of other hosts are litter. */
  readonly unfinishedKeepDays: number;
  /** Whether a changed large file is stored as what changed behind a copy of its old body. Segmented container only. */
  readonly delta: "auto" | "off";
  /** Up to this share (0..1) of a copied body may be of no use to the new version; above, all is sent anew. */
  readonly deltaDeadShare: number;
}
