import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

/** Replaces functions of node:fs, for all who import them, while `work` goes on. */
export async function withFs<T>(replacements: Record<string, unknown>, work: () => Promise<T>): Promise<T> {
  const holder = fs as unknown as Record<string, unknown>;
  const originals = Object.fromEntries(Object.keys(replacements).map((name) => [name, holder[name]]));
  Object.assign(holder, replacements);
  syncBuiltinESMExports();
  try {
    return await work();
  } finally {
    Object.assign(holder, originals);
    syncBuiltinESMExports();
  }
}

/** A function that fails as the system does. */
export const failing = (code: string) => () => {
  throw Object.assign(new Error(`${code}: simulated`), { code });
};

const { statSync } = fs;

/** As if each folder had more names than memory should hold. */
export const allLarge = {
  statSync: (...given: Parameters<typeof fs.statSync>) => {
    const stat = statSync(...given);
    return stat?.isDirectory() && typeof stat.size === "number"
      ? Object.assign(stat, { size: 2 ** 21 })
      : stat;
  },
};
