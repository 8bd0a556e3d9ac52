/**
 * Watching that a listing ascends.
 *
 * Storages promise sorted listings, and some break the promise; names that were encrypted sort by chance. The join
 * needs the order, so it is checked, never trusted.
 */
import { BackupError } from "../errors.ts";
import { comparePaths } from "../names/path-text.ts";

/** A listing that was to be joined as it came turned out not to ascend: list again, and sort. */
export class UnsortedListingError extends BackupError {
  constructor(side: "source" | "destination", key: string) {
    super(side, "lists its objects out of order", { path: key, code: "EUNSORTED" });
  }
}

/** Passes batches on; throws `UnsortedListingError` at the first key that does not follow the one before. */
export async function* ascending<T>(
  batches: AsyncIterable<T[]>,
  side: "source" | "destination",
  keyOf: (item: T) => string,
): AsyncGenerator<T[]> {
  let last: string | undefined;
  for await (const batch of batches) {
    for (const item of batch) {
      const key = keyOf(item);
      if (last !== undefined && comparePaths(last, key) > 0) throw new UnsortedListingError(side, key);
      last = key;
    }
    yield batch;
  }
}
