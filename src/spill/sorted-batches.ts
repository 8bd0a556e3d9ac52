import { ExternalSorter } from "./external-sorter.ts";

const BATCH = 1000;

/** The same records in the order of the bytes of their keys, in batches; past some megabytes through the disk. */
export async function* sortedBatches<T>(
  batches: AsyncIterable<T[]>,
  keyOf: (record: T) => string,
): AsyncGenerator<T[]> {
  const sorter = new ExternalSorter<T>(keyOf);
  try {
    for await (const batch of batches) for (const record of batch) sorter.add(record);
    let batch: T[] = [];
    for (const record of sorter.sorted()) {
      batch.push(record);
      if (batch.length < BATCH) continue;
      yield batch;
      batch = [];
    }
    yield batch;
  } finally {
    sorter.close();
  }
}
