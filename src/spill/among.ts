/** The part of a sorted stream that another one names. */
import { comparePaths } from "../names/path-text.ts";

/** The records whose keys are among those given; both ascend. */
export function* among<T>(
  records: Iterable<T>,
  keyOf: (record: T) => string,
  keys: Generator<string>,
): Generator<T> {
  let key = keys.next();
  for (const record of records) {
    while (!key.done && comparePaths(key.value, keyOf(record)) < 0) key = keys.next();
    if (!key.done && key.value === keyOf(record)) yield record;
  }
}
