import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

const MANY = 20;
const tools = process.env.PATH;

let folder: string;
let files: string[];
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "durability-"));
  fs.mkdirSync(path.join(folder, "bin"));
  files = Array.from({ length: MANY }, (_, i) => path.join(folder, `file${i}`));
  for (const file of files) fs.writeFileSync(file, "x");
});
afterEach(() => {
  process.env.PATH = tools;
  fs.rmSync(folder, { recursive: true });
});

/** On a machine with such a `sync`, if any; new, since it remembers what the machine has. */
async function durabilityWith(sync?: string) {
  const script = `#!/bin/sh\necho "$@" >> '${folder}/calls'\n${sync}\n`;
  if (sync !== undefined) fs.writeFileSync(path.join(folder, "bin/sync"), script, { mode: 0o755 });
  process.env.PATH = path.join(folder, "bin");
  vi.resetModules();
  return import("../../../src/storage/local/durability.ts");
}

function callsOfSync(): number {
  const calls = path.join(folder, "calls");
  return fs.existsSync(calls) ? fs.readFileSync(calls, "utf8").trim().split("\n").length : 0;
}

/** Runs `work` while flushing one folder or file fails so. */
async function whileFailing<T>(place: string, code: string, work: () => Promise<T>): Promise<T> {
  const { open } = fs.promises;
  fs.promises.open = async (file, ...rest) => {
    const handle = await open(file, ...rest);
    const fail = async () => {
      throw Object.assign(new Error(`${code}: simulated`), { code });
    };
    if (String(file) === place) handle.sync = fail;
    return handle;
  };
  return work().finally(() => {
    fs.promises.open = open;
  });
}

const FAILS = `echo "sync: error syncing: Input/output error" >&2; exit 1`;

describe("many files", () => {
  it("are flushed with their file system", async () => {
    const { flushFiles, flushFolders } = await durabilityWith("exit 0");
    expect(await flushFiles(folder, files)).toEqual(files.map(() => undefined));
    await flushFolders(folder, files);
    expect(fs.readFileSync(path.join(folder, "calls"), "utf8")).toBe(`-f -- ${folder}\n`.repeat(2));
  });

  it.each([
    ["fails, which says nothing of any file", FAILS, 2],
    ["does not know how", `echo "sync: invalid option -- 'f'" >&2; exit 1`, 1],
    ["is a busybox's that does not", `echo "sync: unrecognized option: f" >&2; exit 1`, 1],
    ["is not there", undefined, 0],
  ])("are flushed one by one where `sync` %s", async (_, sync, calls) => {
    const { flushFiles } = await durabilityWith(sync);
    const [bad] = files as [string];
    for (const round of [1, 2]) {
      const failures = await whileFailing(bad, "EIO", () => flushFiles(folder, files));
      const failed = failures.map((failure) => failure !== undefined);
      expect(failed, `round ${round}`).toEqual(files.map((file) => file === bad));
    }
    expect(callsOfSync()).toBe(calls);
  });

  it("of which few are there are flushed one by one", async () => {
    const { flushFiles } = await durabilityWith("exit 0");
    await flushFiles(folder, files.slice(0, 3));
    expect(callsOfSync()).toBe(0);
  });
});

describe("many folders", () => {
  it.each([
    ["EIO", "is told of", 1],
    ["EINVAL", "is a file system's that flushes none", 0],
    ["ENOTSUP", "is another one's", 0],
    ["EBADF", "is a third one's", 0],
  ])("are flushed one by one where `sync` fails: a failure of one (%s) %s", async (code, _, failures) => {
    const { flushFolders } = await durabilityWith(FAILS);
    const flushing = whileFailing(folder, code, () =>
      flushFolders(folder, [...files, folder, `${folder}/none`]),
    );
    expect(
      await flushing.then(
        () => 0,
        () => 1,
      ),
    ).toBe(failures);
  });
});

it("a folder that cannot be opened is not flushed, unless it is gone", async () => {
  const { flushFolders } = await durabilityWith(FAILS);
  await flushFolders(folder, [`${folder}/none`]);
  await expect(flushFolders(folder, [`${files[0]}/below`])).rejects.toMatchObject({ code: "ENOTDIR" });
});

describe("a whole file system", () => {
  it("is flushed, or not for want of a command, or the disk did not take something, which is said", async () => {
    const flush = async (sync?: string) => (await durabilityWith(sync)).flushFileSystem(folder);
    expect(await flush("exit 0")).toBe(true);
    await expect(flush(FAILS)).rejects.toThrow(/^sync: error syncing: Input\/output error$/);
    await expect(flush("exit 1")).rejects.toThrow(/sync/);
    fs.rmSync(path.join(folder, "bin/sync"));
    expect(await flush()).toBe(false);
  });
});
