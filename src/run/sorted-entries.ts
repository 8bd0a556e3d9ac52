import type { Entry } from "../scan/entry.ts";
import { ExternalSorter } from "../spill/external-sorter.ts";

const BATCH = 500;

/** The entries of a source in the order of the join, whatever order it lists them in. */
export async function* sortedEntries(entries: AsyncIterable<Entry[]>): AsyncGenerator<Entry[]> {
  const sorter = new ExternalSorter<Entry>((entry) => entry.sortKey);
  try {
    for await (const batch of entries) for (const entry of batch) sorter.add(entry);
    let batch: Entry[] = [];
    for (const entry of sorter.sorted()) {
      batch.push(entry);
      if (batch.length < BATCH) continue;
      yield batch;
      batch = [];
    }
    yield batch;
  } finally {
    sorter.close();
  }
}
