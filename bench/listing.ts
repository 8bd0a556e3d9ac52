/**
 * A long listing by one request after another, and by several at once (src/storage/s3/list-ahead.ts), over a server that
 * answers after a while: how many requests, and how long, for keys of different kinds.
 *
 *     node bench/listing.ts [FOLDER...]    # also the names of the files in these folders
 */
import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { listAhead, type Page, type PageStart } from "../src/storage/s3/list-ahead.ts";

const PAGE_KEYS = 1000;
const ANSWER_MS = 25;
const COUNT = 30_000;
const REQUESTS = 8;

const digest = (i: number) => createHash("md5").update(String(i)).digest("hex");
const kinds: Record<string, string[]> = {
  numbered: Array.from({ length: COUNT }, (_, i) => `photos/IMG_${String(i).padStart(6, "0")}.jpg`),
  random: Array.from({ length: COUNT }, (_, i) => digest(i)),
  "in 300 folders": Array.from({ length: COUNT }, (_, i) => `user${i % 300}/mail/${1_600_000_000 + i * 977}`),
};
for (const folder of process.argv.slice(2)) kinds[folder] = filesIn(folder);

console.log("| keys | pages | requests | ratio of time |\n| --- | --: | --: | --: |");
for (const [kind, unsorted] of Object.entries(kinds)) {
  const keys = unsorted.map((key) => Buffer.from(key)).sort(Buffer.compare);
  const alone = await measure(keys, 1);
  const ahead = await measure(keys, REQUESTS);
  console.log(`| ${kind} | ${alone.requests} | ${ahead.requests} | ${(ahead.ms / alone.ms).toFixed(2)} |`);
}

async function measure(keys: readonly Buffer[], requests: number): Promise<{ requests: number; ms: number }> {
  let asked = 0;
  const fetch = async (start: PageStart): Promise<Page<string>> => {
    asked++;
    await new Promise((resolve) => setTimeout(resolve, ANSWER_MS));
    const at = "token" in start ? Number(start.token) : positionBehind(keys, start.after);
    const page = keys.slice(at, at + PAGE_KEYS).map(String);
    const end = at + page.length;
    return { keys: page, items: page, ...(end < keys.length && { next: String(end) }) };
  };
  const began = performance.now();
  let found = 0;
  for await (const batch of listAhead(fetch, { requests, prefixLength: 0 })) found += batch.length;
  if (found !== keys.length) throw new Error(`found ${found} of ${keys.length} keys`);
  return { requests: asked, ms: performance.now() - began };
}

function positionBehind(keys: readonly Buffer[], after: string | undefined): number {
  if (after === undefined) return 0;
  const bytes = Buffer.from(after);
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (Buffer.compare(keys[middle] as Buffer, bytes) <= 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function filesIn(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => `${parentPath.slice(folder.length + 1)}/${name}`);
}
