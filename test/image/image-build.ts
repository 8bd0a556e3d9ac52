/**
 * Builds the image of a Dockerfile without Docker: each stage is an overlay over the base image's root folder, and
 * each instruction is carried out in it as Docker would. An instruction that is not known here fails the build, so
 * the Dockerfile cannot grow a line that is never tried.
 */

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { type Instruction, parseDockerfile, parseExecForm, splitOptions } from "./dockerfile.ts";

export interface Image {
  readonly root: string;
  readonly env: Record<string, string>;
  readonly user: string;
  readonly workdir: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly healthcheck: readonly string[];
}

export interface BuildOptions {
  /** The folder of the Dockerfile. */
  readonly context: string;
  /** The root folder that stands for the base image, and its name in FROM. */
  readonly base: string;
  readonly baseName: string;
  readonly scratch: string;
  /** For RUN lines only, beside ENV: where to find the registry. */
  readonly buildEnv: Record<string, string>;
  /** Folders of the host to show in RUN lines: path inside, path outside. */
  readonly mounts: ReadonlyMap<string, string>;
}

type Draft = { -readonly [K in keyof Image]: Image[K] };

const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** @throws when a line fails or is not understood. */
export function buildImage(options: BuildOptions): Image {
  const context = contextCopy(options);
  const stages = new Map<string, Draft>();
  let stage: Draft | undefined;
  for (const instruction of parseDockerfile(readFileSync(join(options.context, "Dockerfile"), "utf8"))) {
    console.log(`Dockerfile:${instruction.line} ${instruction.keyword} ${instruction.text}`);
    if (instruction.keyword === "FROM") {
      const [from, as, name] = instruction.text.split(/\s+/);
      if (from !== options.baseName)
        throw new Error(`line ${instruction.line}: the base here is ${options.baseName}`);
      stage = newStage(options);
      if (as?.toUpperCase() === "AS" && name) stages.set(name, stage);
    } else if (stage) {
      carryOut(instruction, stage, stages, context, options);
    } else {
      throw new Error(`line ${instruction.line}: comes before FROM`);
    }
  }
  if (!stage) throw new Error("the Dockerfile has no stage");
  return stage;
}

/** The layers of each overlay made here: the kernel does not stack overlay on overlay on overlay. */
const layersOf = new Map<string, string>();

/** A writable view of a root folder; the mount lasts as long as this process's mount namespace. */
export function overlay(base: string, scratch: string): string {
  const lower = layersOf.get(base) ?? base;
  const folder = mkdtempSync(join(scratch, "layer-"));
  for (const name of ["upper", "work", "root"]) mkdirSync(join(folder, name));
  const layers = `lowerdir=${lower},upperdir=${folder}/upper,workdir=${folder}/work`;
  execFileSync("mount", ["-t", "overlay", "overlay", "-o", layers, join(folder, "root")]);
  layersOf.set(join(folder, "root"), `${folder}/upper:${lower}`);
  return join(folder, "root");
}

function newStage(options: BuildOptions): Draft {
  const root = overlay(options.base, options.scratch);
  return { root, env: { PATH }, user: "0:0", workdir: "/", entrypoint: [], command: [], healthcheck: [] };
}

function carryOut(
  { keyword, text, line }: Instruction,
  stage: Draft,
  stages: ReadonlyMap<string, Draft>,
  context: string,
  options: BuildOptions,
): void {
  switch (keyword) {
    case "RUN":
      run(stage, text, options);
      return;
    case "COPY":
      copy(stage, text, stages, context);
      return;
    case "WORKDIR":
      stage.workdir = resolve(stage.workdir, text);
      mkdirSync(join(stage.root, stage.workdir), { recursive: true });
      return;
    case "ENV":
      for (const [, name, value] of text.matchAll(/(\w+)=(\S+)/g)) if (name) stage.env[name] = value ?? "";
      return;
    case "USER":
      stage.user = text;
      return;
    case "HEALTHCHECK":
      stage.healthcheck = parseExecForm(text.replace(/^.*?CMD\s+/, ""));
      return;
    case "ENTRYPOINT":
      stage.entrypoint = parseExecForm(text);
      return;
    case "CMD":
      stage.command = parseExecForm(text);
      return;
    default:
      throw new Error(`line ${line}: ${keyword} is not known to this test`);
  }
}

function run(stage: Draft, text: string, options: BuildOptions): void {
  const binds = [...options.mounts].map(([inside, outside]) => {
    mkdirSync(join(stage.root, inside), { recursive: true });
    return `mount --bind '${outside}' '${stage.root}${inside}'`;
  });
  // The mounts are the script's own (--mount) and end with it; the line runs as pid 1's child, as in a container.
  const script = [
    ...binds,
    `mount -t proc proc '${stage.root}/proc'`,
    `mount --bind /dev '${stage.root}/dev'`,
    `exec chroot --userspec=${stage.user} '${stage.root}' env --chdir='${stage.workdir}' /bin/sh -c "$0"`,
  ].join(" && ");
  execFileSync("unshare", ["--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script, text], {
    env: { HOME: "/root", ...options.buildEnv, ...stage.env },
    stdio: ["ignore", "inherit", "inherit"],
  });
}

function copy(stage: Draft, text: string, stages: ReadonlyMap<string, Draft>, context: string): void {
  const { options, rest } = splitOptions(text);
  const from = options.get("from");
  const origin = from === undefined ? context : stages.get(from)?.root;
  if (origin === undefined) throw new Error(`COPY: no stage ${from}`);
  const target = rest.pop() ?? ".";
  const destination = join(stage.root, resolve(stage.workdir, target));
  for (const name of rest) {
    const source = join(origin, name);
    // A folder is copied as its contents, a file into a destination that ends with a slash.
    const into =
      !statSync(source).isDirectory() && target.endsWith("/")
        ? join(destination, basename(name))
        : destination;
    cpSync(source, into, { recursive: true, verbatimSymlinks: true });
  }
}

/** The build context after `.dockerignore`, of which only "everything but these" is understood. */
function contextCopy(options: BuildOptions): string {
  const patterns = readFileSync(join(options.context, ".dockerignore"), "utf8")
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"));
  if (patterns.shift() !== "*") throw new Error(".dockerignore must begin with *");
  const kept = new Set(patterns.map((pattern) => /^!([\w.-]+)$/.exec(pattern)?.[1]));
  if (kept.has(undefined)) throw new Error(".dockerignore: only !name is understood here");
  const copied = mkdtempSync(join(options.scratch, "context-"));
  for (const name of readdirSync(options.context)) {
    if (kept.has(name)) cpSync(join(options.context, name), join(copied, name), { recursive: true });
  }
  return copied;
}
