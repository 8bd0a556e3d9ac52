/** One file of the source, as listed. */
export interface Entry {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Whole seconds since 1970, as stored names hold it; see mtime.ts. */
  readonly mtime: number;
  /** S3 only: pins what is read to what was listed. */
  readonly etag?: string;
  /** Of a metadata manifest, which is no file: its content, and the md5 that tells whether it changed. */
  readonly manifest?: {
    readonly text: string;
    readonly md5: string;
    /** Some entry of the folder could not be looked at, and is not in it. */
    readonly isPartial?: true;
  };
  /** `path.mtime.size.` in base 36: how the key of an unchanged version begins; scans come in the order of its bytes. */
  readonly sortKey: string;
}
