/** What a file system says, as an error of ours. */
import { errorCode, messageOf, type Side, StorageError } from "../../errors.ts";

/** Of exFAT and vfat, where a name has a colon, say. */
const NAME_REFUSED =
  "the file system may not hold such a name: use another; a backup can set encrypt_filenames";

/** What to do about a file system's error, by its code. */
export const REMEDIES: Readonly<Record<string, string>> = {
  EACCES: "give the user that runs this tool access to it",
  EPERM: "give the user that runs this tool access to it",
  ENOSPC: "free some space on this file system",
  EDQUOT: "free some space, or raise the quota",
  EROFS: "mount the file system for writing",
  EINVAL: NAME_REFUSED,
  EILSEQ: NAME_REFUSED,
  ENOENT: "check that the path is right and mounted",
};

/**
 * @param what could not be done, as the end of a sentence about `path`.
 * @param path a key, or the folder itself.
 */
export function localError(side: Side, error: unknown, what: string, path: string): StorageError {
  if (error instanceof StorageError) return error;
  const code = errorCode(error);
  const remedy = code === undefined ? undefined : REMEDIES[code];
  return new StorageError(side, `${what} (${code ?? messageOf(error)})`, {
    path,
    cause: error,
    ...(remedy !== undefined && { remedy }),
  });
}

/** Names the one folder of many that could not be listed. */
export function listingError(side: Side, error: unknown, root: string): StorageError {
  const { path: folder } = error as NodeJS.ErrnoException;
  const place = typeof folder === "string" ? folder.replace(/\/$/, "") : root;
  return localError(side, error, "cannot be listed", place);
}
