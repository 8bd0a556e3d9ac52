/** A folder that does not tell `A` from `a`, as on exFAT: simulated, by what `node:fs` is asked for synchronously. */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import path from "node:path";

type Call = (...given: unknown[]) => unknown;
const CALLS = [
  "existsSync",
  "lstatSync",
  "mkdirSync",
  "openSync",
  "readdirSync",
  "renameSync",
  "rmSync",
  "rmdirSync",
  "statSync",
  "unlinkSync",
] as const;

/** Undone by what it returns. */
export function withoutCase(root: string): () => void {
  const { readdirSync, existsSync } = fs;
  const holder = fs as unknown as Record<string, Call>;
  const originals = CALLS.map((name) => [name, holder[name] as Call] as const);
  /** The path by which what a path leads to is known. */
  const own = (file: unknown): unknown => {
    if (typeof file !== "string" || !file.startsWith(`${root}/`)) return file;
    return file
      .slice(root.length + 1)
      .split("/")
      .reduce((folder, name) => {
        const names = existsSync(folder) && name !== "" ? (readdirSync(folder) as string[]) : [];
        const found = names.find((other) => other.toLowerCase() === name.toLowerCase());
        return path.join(folder, found ?? name);
      }, root);
  };
  for (const [name, original] of originals) {
    holder[name] = (first, second, ...rest) =>
      name === "renameSync" ? original(own(first), own(second)) : original(own(first), second, ...rest);
  }
  syncBuiltinESMExports();
  return () => {
    for (const [name, original] of originals) holder[name] = original;
    syncBuiltinESMExports();
  };
}
