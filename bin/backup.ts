#!/usr/bin/env node
/**
 * The command `backup`. This file stays small and old-fashioned, so that an older Node can still say which one is
 * needed, and so that `--version` answers before anything is loaded.
 */
const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 20) || major === 23) {
  console.error(`error: backup needs Node 22.20 or later, or 24 and later; this is ${process.versions.node}`);
  process.exit(2);
}
const { main } = await import("../src/cli/entry.ts");
process.exitCode = await main(process.argv.slice(2));

export {};
