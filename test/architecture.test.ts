/** What docs/architecture.md says about folders, held against every import. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

/** From the top down: a module imports from its own folder and from lines below its own, also types. */
const LAYERS: readonly (readonly string[])[] = [
  ["cli"],
  ["run/backup", "run/restore"],
  ["run/history", "run/look"],
  ["run/destination"],
  ["run/worker"],
  ["run/target"],
  ["run"],
  ["run/object", "plan"],
  ["scan"],
  ["storage"],
  ["config"],
  ["container", "metadata", "patterns", "spill"],
  ["names"],
  ["compression", "crypto", "pool"],
  ["memory"],
  ["errors.ts"],
];

/** What decides, and does nothing: everything that it works on is given to it, the time as well. */
const PURE = ["names", "patterns", "plan"];
/** Arithmetic on bytes and names that are given; no clock, no files, no network, no process. */
const ALLOWED_IN_PURE = new Set(["node:crypto"]);

const SOURCE = new URL("../src/", import.meta.url).pathname;
const IMPORT = /^(?:import|export)\b[^;]*?\bfrom "([^"]+)"|\bimport\("([^"]+)"\)/gm;

const modules = readdirSync(SOURCE, { recursive: true, encoding: "utf8" }).filter((file) =>
  file.endsWith(".ts"),
);

test("every folder has its place among the layers", () => {
  const known = LAYERS.flat();
  expect(modules.filter((module) => !known.includes(folderOf(module)))).toEqual([]);
  expect(known.filter((folder) => !modules.some((module) => folderOf(module) === folder))).toEqual([]);
});

test("a module imports from its own folder or from a lower one", () => {
  const upwards = modules.flatMap((module) =>
    importsOf(module)
      .filter((name) => name.startsWith("."))
      .map((name) => path.join(path.dirname(module), name))
      .filter((imported) => folderOf(imported) !== folderOf(module) && layerOf(imported) <= layerOf(module))
      .map((imported) => `${module} imports ${imported}`),
  );
  expect(upwards).toEqual([]);
});

test("names, patterns and plans do no input or output, and ask no clock", () => {
  const pure = modules.filter((module) => PURE.includes(folderOf(module)));
  expect(pure.length).toBeGreaterThan(20);
  const outside = pure.flatMap((module) => [
    ...importsOf(module)
      .filter((name) => name.startsWith("node:") && !ALLOWED_IN_PURE.has(name))
      .map((name) => `${module} imports ${name}`),
    ...(/\bDate\.now\(|\bnew Date\(\)|\bprocess\.|\bperformance\./.test(textOf(module)) ? [module] : []),
  ]);
  expect(outside).toEqual([]);
});

function layerOf(module: string): number {
  return LAYERS.findIndex((folders) => folders.includes(folderOf(module)));
}

/** The first component of a path, and for `run` its folder as well. */
function folderOf(module: string): string {
  const parts = module.split(path.sep);
  return parts[0] === "run" && parts.length > 2 ? `run/${parts[1]}` : (parts[0] as string);
}

function importsOf(module: string): string[] {
  return [...textOf(module).matchAll(IMPORT)].map((match) => (match[1] ?? match[2]) as string);
}

function textOf(module: string): string {
  return readFileSync(path.join(SOURCE, module), "utf8");
}
