/** Python's own codecs as a second opinion; they are what the older tool uses. */

import { spawnSync } from "node:child_process";

const found = spawnSync("python3", ["-c", "import gzip, lzma"]).status === 0;

/** Why a test of this kind cannot run here, or undefined. */
export const noPython = found ? undefined : "python3 with gzip and lzma is not installed";

/** Runs a Python expression over `data`, which it finds as `data`, and gives the bytes that it makes. */
export function python(modules: string, expression: string, data: Uint8Array): Buffer {
  const program = `import sys, ${modules}; data = sys.stdin.buffer.read(); sys.stdout.buffer.write(${expression})`;
  const run = spawnSync("python3", ["-c", program], { input: data, maxBuffer: 64 * 1024 * 1024 });
  if (run.status !== 0) throw new Error(run.stderr.toString());
  return run.stdout;
}
