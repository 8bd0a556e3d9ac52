/**
 * Builds the command: `node build.ts [FOLDER [MODULE...]]`, into `dist` unless told otherwise, and other modules beside it.
 *
 * Everything of ours and the pure JavaScript we depend on is bundled, so that a start reads a few files instead of
 * hundreds; parts that only some runs need (the S3 client, yargs) become chunks that are loaded when they are needed.
 * Packages with native code or WebAssembly stay in node_modules.
 */
import { chmodSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { type BuildOptions, build } from "esbuild";

const { version } = JSON.parse(readFileSync(new URL("package.json", import.meta.url), "utf8")) as {
  version: string;
};
const [folder = new URL("dist", import.meta.url).pathname, ...modules] = process.argv.slice(2);
const out = `${folder}/`;

rmSync(out, { recursive: true, force: true });
const common: BuildOptions = {
  absWorkingDir: new URL(".", import.meta.url).pathname,
  outdir: `${out}bin`,
  bundle: true,
  splitting: true,
  format: "esm",
  platform: "node",
  target: "node22",
  // The AWS SDK's ESM builds: smaller, and what `splitting` can cut.
  mainFields: ["module", "main"],
  external: ["lzma-native", "@node-rs/argon2", "libsodium-wrappers-sumo"],
  define: { "process.env.BACKUP_BUILD_VERSION": JSON.stringify(version) },
  // Some CommonJS dependencies of the SDK ask for `require`.
  banner: {
    js: 'import { createRequire as __createRequire } from "node:module"; const require = __createRequire(import.meta.url);',
  },
  sourcemap: "linked",
  logLevel: "warning",
};
await build({ ...common, entryPoints: { backup: "bin/backup.ts" } });
// For itself, so that what every worker needs is in few files: each takes its time to be found and read.
await build({ ...common, entryPoints: { worker: "src/run/worker/worker-main.ts" } });
if (modules.length > 0) await build({ ...common, entryPoints: Object.fromEntries(modules.map(named)) });
chmodSync(`${out}bin/backup.js`, 0o755);

function named(module: string): [string, string] {
  return [path.basename(module, ".ts"), module];
}
