/** Runs an image built by `image-build.ts` the way Docker would: own root, own processes, the image's user. */

import { type ChildProcess, execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type Image, overlay } from "./image-build.ts";

const POLL_MS = 100;

/** One container, running. Everything its process 1 and its children print is in `output`. */
export class Container {
  readonly root: string;
  output = "";
  readonly #image: Image;
  readonly #child: ChildProcess;
  readonly #ended: Promise<number>;

  /** `prepare` changes the container's own copy of the root folder, as a mounted volume would. */
  constructor(
    image: Image,
    options: {
      scratch: string;
      args?: readonly string[];
      env?: Record<string, string>;
      user?: string;
      prepare?: (root: string) => void;
      /** Instead of the image's entry point. */
      entrypoint?: readonly string[];
    },
  ) {
    this.#image = image;
    this.root = overlay(image.root, options.scratch);
    execFileSync("mount", ["--bind", "/dev", `${this.root}/dev`]);
    options.prepare?.(this.root);
    const command = [...(options.entrypoint ?? image.entrypoint), ...(options.args ?? image.command)];
    const isolation = ["--pid", "--fork", "--kill-child", `--mount-proc=${this.root}/proc`];
    const inside = [`--userspec=${options.user ?? image.user}`, "--groups=", this.root];
    const place = ["env", `--chdir=${image.workdir}`, ...command];
    this.#child = spawn("unshare", [...isolation, "chroot", ...inside, ...place], {
      env: { ...image.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
      });
    }
    this.#ended = once(this.#child, "close").then(([code]) => Number(code));
  }

  /** The exit status of process 1. */
  get ended(): Promise<number> {
    return this.#ended;
  }

  /** Waits until the log matches; fails when it does not in time. */
  async until(pattern: RegExp, timeoutMs: number): Promise<void> {
    const end = Date.now() + timeoutMs;
    while (!pattern.test(this.output)) {
      if (Date.now() > end || this.#child.exitCode !== null) {
        throw new Error(`the log never showed ${pattern}:\n${this.output}`);
      }
      await sleep(POLL_MS);
    }
  }

  /** What `docker stop` does first. */
  stop(): Promise<number> {
    process.kill(this.#processOne(), "SIGTERM");
    return this.#ended;
  }

  /** What `docker exec` does; stdin is given to the command. */
  exec(
    command: readonly string[],
    options: { user?: string; input?: string } = {},
  ): { status: number; output: string } {
    const [uid = "", gid = ""] = (options.user ?? this.#image.user).split(":");
    const target = ["--target", String(this.#processOne()), "--mount", "--pid", "--root", "--wd"];
    const result = spawnSync("nsenter", [...target, "--setuid", uid, "--setgid", gid, ...command], {
      env: this.#image.env,
      input: options.input ?? "",
      encoding: "utf8",
    });
    return { status: result.status ?? -1, output: result.stdout + result.stderr };
  }

  /** `unshare` waits outside; its one child is process 1 of the container. */
  #processOne(): number {
    const pid = this.#child.pid;
    const inside = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim());
    // 0 would be this process's own group.
    if (!(inside > 0)) throw new Error(`the container has ended:\n${this.output}`);
    return inside;
  }
}
