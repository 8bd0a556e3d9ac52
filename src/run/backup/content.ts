/** What two files have in common of which one may have been the other. */
export interface Content {
  /** Canonical base 36. */
  readonly md5: string;
  readonly size: number;
}

/** Equal for equal contents, and only for these. */
export function contentKey({ md5, size }: Content): string {
  return `${md5}.${size.toString(36)}`;
}
