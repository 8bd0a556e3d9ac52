import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import path from "node:path";

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

const { lstatSync, opendirSync, readdirSync, statSync } = fs;

/** As if each folder had more names than memory should hold. */
export const allLarge = {
  statSync: (...given: Parameters<typeof fs.statSync>) => {
    const stat = statSync(...given);
    return stat?.isDirectory() && typeof stat.size === "number"
      ? Object.assign(stat, { size: 2 ** 21 })
      : stat;
  },
};

/**
 * As Node reads folders of a file system that does not tell the kinds of names: it looks at each, as it has decoded it.
 * @param before is called before each such look.
 */
export const withoutKinds = (before: () => void = () => {}) => ({
  readdirSync: (at: string | Buffer, options: { withFileTypes: true }) => {
    const entries: fs.Dirent<string | Buffer>[] = readdirSync(at, options);
    if (options.withFileTypes) before();
    if (options.withFileTypes) for (const { name } of entries) lookAt(at, name);
    return entries;
  },
  opendirSync: (at: string | Buffer, options: fs.OpenDirOptions) => {
    const folder = opendirSync(at as string, options);
    const read = () => {
      const entry = Reflect.apply(fs.Dir.prototype.readSync, folder, []) as fs.Dirent | null;
      before();
      if (entry !== null) lookAt(at, entry.name);
      return entry;
    };
    return Object.assign(folder, { readSync: read });
  },
});

function lookAt(at: string | Buffer, name: string | Buffer): void {
  if (typeof at === "string" && typeof name === "string") lstatSync(path.join(at, name));
  else if (typeof name === "string")
    throw Object.assign(new TypeError("at"), { code: "ERR_INVALID_ARG_TYPE" });
  else lstatSync(Buffer.concat([Buffer.from(at), Buffer.from("/"), name]));
}
