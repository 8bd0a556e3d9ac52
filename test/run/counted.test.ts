/**
 * What one more small file costs in calls of the system, counted with strace: a time says little on a busy machine, a
 * call too many for each file says it at once.
 */
import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { describe, expect, it } from "vitest";
import { COMMAND } from "../built.ts";
import { configure } from "./command.ts";
import { World } from "./world.ts";

const FEW = 20;
const MANY = 220;
const STEPS = { first: [], unchanged: [], verify: ["--verify"], restore: ["--restore"] } as const;
type Step = keyof typeof STEPS;

const noStrace = spawnSync("strace", ["-V"]).status !== 0;

/** Calls by name of a run of each step over so many files. */
function countCalls(files: number): Record<Step, Map<string, number>> {
  const world = new World();
  try {
    for (let i = 0; i < files; i++) world.write(`folder/file ${i}`, `content ${i} `.repeat(20));
    const config = configure(world, undefined, { container: "segmented", metadata: false });
    const counted = (step: Step) => {
      const log = world.at("strace");
      const args = ["-f", "-c", "-o", log, process.execPath, COMMAND, "--config", config, ...STEPS[step]];
      execFileSync("strace", args, { cwd: world.root, stdio: "ignore" });
      const calls = new Map<string, number>();
      for (const line of fs.readFileSync(log, "utf8").split("\n")) {
        const [share, , , count, ...rest] = line.trim().split(/\s+/);
        if (/^[\d.]+$/.test(share ?? "")) calls.set(rest.at(-1) ?? "", Number(count));
      }
      return calls;
    };
    return {
      first: counted("first"),
      unchanged: counted("unchanged"),
      verify: counted("verify"),
      restore: counted("restore"),
    };
  } finally {
    world.dispose();
  }
}

describe.skipIf(noStrace)("one more small file", () => {
  // On a machine that is very busy threads count a few calls of their own; what costs more for each file always does.
  it("costs no call of the file system more than it has to", { retry: 2, timeout: 60_000 }, () => {
    const [few, many] = [countCalls(FEW), countCalls(MANY)];
    const perFile = (step: Step, names: readonly string[]) => {
      const sum = (calls: Map<string, number>) =>
        names.reduce((total, name) => total + (calls.get(name) ?? 0), 0);
      return (sum(many[step]) - sum(few[step])) / (MANY - FEW);
    };
    const opens = ["open", "openat", "creat"];
    const stats = ["stat", "lstat", "fstat", "statx", "newfstatat"];
    const moves = ["rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "mkdir"];
    // At positions: threads wake each other through the plain ones, by chance.
    const reads = ["pread64"];
    const writes = ["pwrite64", "pwritev"];
    const modes = ["chmod", "fchmod", "fchmodat", "utimensat"];
    const links = ["readlink", "readlinkat"];
    // Looked at by the scan, when opened, and after reading; asked where it lies; read, written and renamed once.
    expect(perFile("first", links)).toBeLessThan(1.5);
    for (const step of ["unchanged", "verify", "restore"] as const)
      expect(perFile(step, links), step).toBeLessThan(0.5);
    expect(perFile("first", stats)).toBeLessThan(3.5);
    expect(perFile("first", opens)).toBeLessThan(2.5);
    expect(perFile("first", [...moves, ...modes])).toBeLessThan(1.5);
    // Looked at, and nothing else.
    expect(perFile("unchanged", stats)).toBeLessThan(1.5);
    expect(perFile("unchanged", [...opens, ...moves, ...modes])).toBeLessThan(0.5);
    // Opened, measured and read.
    expect(perFile("verify", stats)).toBeLessThan(1.5);
    expect(perFile("verify", opens)).toBeLessThan(1.5);
    expect(perFile("verify", [...moves, ...modes])).toBeLessThan(0.5);
    // As verifying, and: is anything there? written, given its time, renamed.
    expect(perFile("restore", stats)).toBeLessThan(2.5);
    expect(perFile("restore", opens)).toBeLessThan(2.5);
    expect(perFile("restore", [...moves, ...modes])).toBeLessThan(2.5);
    for (const step of ["first", "verify", "restore"] as const) {
      expect(perFile(step, reads), step).toBeLessThan(1.5);
      expect(perFile(step, writes), step).toBeLessThan(step === "verify" ? 0.5 : 1.5);
    }
    // Flushes do not grow with the files.
    expect(perFile("first", ["fsync", "fdatasync", "syncfs"])).toBeLessThan(0.05);
  });
});
