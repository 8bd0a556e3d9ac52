/**
 * Builds the image and tries it; started by image-in-chroot.sh, as root in a mount namespace of its own.
 *
 * Usage: image-in-chroot.ts FOLDER_OF_DOCKERFILE BASE_ROOT SCRATCH [PATTERN]    only checks whose title matches
 */

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { buildImage, overlay } from "./image-build.ts";
import { imageChecks } from "./image-checks.ts";

const BASE_NAME = "node:24-bookworm-slim";
const CHECK_LIMIT_MS = 300_000;
const HOST_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt";

const [context, debian, scratch, pattern = "."] = process.argv.slice(2);
if (!context || !debian || !scratch)
  throw new Error("usage: image-in-chroot.ts CONTEXT BASE SCRATCH [PATTERN]");

const started = Date.now();
const image = buildImage({
  context: resolve(context),
  base: nodeImage(debian, scratch),
  baseName: BASE_NAME,
  scratch,
  buildEnv: {
    npm_config_cache: "/var/cache/npm",
    npm_config_registry: process.env.NPM_REGISTRY ?? "https://registry.npmjs.org/",
    npm_config_update_notifier: "false",
    NODE_EXTRA_CA_CERTS: HOST_CERTIFICATES,
    ...proxies(),
  },
  mounts: new Map([["/var/cache/npm", process.env.NPM_CACHE ?? ""]]),
});
console.log(`image built in ${seconds(started)} s, ${sizeOf(image.root)} MB; trying it`);

const checks = imageChecks.filter(({ title }) => new RegExp(pattern).test(title));
let failed = 0;
await Promise.all(
  checks.map(async ({ title, check }) => {
    try {
      await Promise.race([check(image, scratch), tooLate()]);
      console.log(`ok   ${title}`);
    } catch (error) {
      failed++;
      console.log(`FAIL ${title}\n     ${error instanceof Error ? error.message : String(error)}`);
    }
  }),
);
console.log(`container image, ${seconds(started)} s:`);
console.log(`${checks.length - failed} passed, ${failed} failed`);
// Not exitCode: a container that a failed check left behind would be waited for.
process.exit(failed === 0 ? 0 : 1);

/** What hangs has failed. */
async function tooLate(): Promise<never> {
  await sleep(CHECK_LIMIT_MS);
  throw new Error(`did not end within ${CHECK_LIMIT_MS / 1000} s`);
}

/** What makes `node:24-bookworm-slim` of `debian:bookworm-slim`: Node and npm in /usr/local, the user `node`. */
function nodeImage(debianRoot: string, folder: string): string {
  const root = overlay(debianRoot, folder);
  for (const name of ["bin", "lib/node_modules"])
    mkdirSync(join(root, "usr/local", name), { recursive: true });
  cpSync(process.execPath, join(root, "usr/local/bin/node"), { dereference: true });
  cpSync(process.env.NPM_FOLDER ?? "", join(root, "usr/local/lib/node_modules/npm"), { recursive: true });
  symlinkSync("../lib/node_modules/npm/bin/npm-cli.js", join(root, "usr/local/bin/npm"));
  execFileSync("chroot", [root, "groupadd", "--gid", "1000", "node"]);
  execFileSync("chroot", [root, "useradd", "--uid", "1000", "--gid", "node", "--create-home", "node"]);
  // The machine's way to the outside: name server, certificates, and what its apt has to know about mirrors.
  cpSync("/etc/resolv.conf", join(root, "etc/resolv.conf"), { dereference: true });
  if (existsSync(HOST_CERTIFICATES))
    cpSync(HOST_CERTIFICATES, join(root, HOST_CERTIFICATES), { dereference: true });
  const apt = execFileSync("apt-config", ["dump"], { encoding: "utf8" });
  const acquire = apt.split("\n").filter((line) => /^Acquire::(https?|Check-)/.test(line));
  // As in Debian's own images: no package cache is kept, so that the size is right.
  const clean = ['Dir::Cache::pkgcache "";', 'Dir::Cache::srcpkgcache "";'];
  writeFileSync(join(root, "etc/apt/apt.conf.d/99host"), `${[...acquire, ...clean].join("\n")}\n`);
  return root;
}

function proxies(): Record<string, string> {
  const names = ["http_proxy", "https_proxy", "no_proxy"];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

function seconds(since: number): number {
  return Math.round((Date.now() - since) / 1000);
}

/** What the image adds to its base, in MB. */
function sizeOf(root: string): number {
  const upper = resolve(root, "../upper");
  return Number(execFileSync("du", ["-sm", upper], { encoding: "utf8" }).split("\t")[0]);
}
