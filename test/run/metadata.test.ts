/** Metadata from end to end: recorded by a backup, applied by a restore. */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { COMMAND } from "../built.ts";
import { configure, PASSWORD } from "./command.ts";
import { withUnexaminable } from "./defects/unreadable.ts";
import { backup, clean, filesIn, Recorder, restore, T0, verify, World } from "./world.ts";

const lacking = ["rsync", "getfattr", "setfattr", "setfacl", "mkfifo", "perl"].filter(
  (tool) => spawnSync(tool, ["--version"]).status !== 0,
);
const whyNotAll =
  process.getuid?.() !== 0
    ? "not root"
    : lacking.length > 0
      ? `no ${lacking.join(", ")}`
      : mayMakeEverything()
        ? undefined
        : "devices or attributes cannot be made";

/** In a container, or on some file systems, root may not. */
function mayMakeEverything(): boolean {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "backup-probe-"));
  const probe =
    "mknod device c 1 3; touch a; setfattr -n trusted.x -v y a; setfattr -n user.x -v y a; setfacl -m u:1:r a";
  try {
    return spawnSync("bash", ["-ec", probe], { cwd: folder }).status === 0;
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => {
  world.dispose();
});

const segmented = (settings: Partial<Config> = {}) =>
  world.config({ container: "segmented", metadata: true, ...settings });
const shell = (script: string, cwd = world.src) =>
  execFileSync("bash", ["-ec", script], { cwd, encoding: "utf8" });
const modeOf = (file: string) => fs.lstatSync(file).mode & 0o7777;

/** A file that has it may bind to low ports. */
const CAPABILITY = "0x0100000200040000000000000000000000000000";
const hasCapability = (file: string) =>
  spawnSync("getfattr", ["-n", "security.capability", file]).status === 0;

/** Every kind of entry, with all that a file system may know of it. */
const EVERYTHING = `
  mkdir -p a/b empty deep/er/est $'odd\\nname' $'lat\\xe9in' ignored
  echo hi > a/one; ln a/one a/b/two; ln a/one zzz
  ln -s ../one a/b/link; ln -s /etc/shadow absolute; ln -s nowhere dangling; ln -s a folder-link
  ln -s $'to\\xe9\\n' $'link\\xe9'
  chmod 4755 a/one; chmod 1777 empty; chmod 2750 deep; chmod 0500 a/b; chmod 0000 deep/er/est
  chown 1000:1001 a/one; chown -h 33:44 dangling; chown 4000000000:7 empty
  mkfifo pipe; chmod 640 pipe
  perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => "socket", Listen => 1)'
  mknod null c 1 3 && mknod loop b 7 300
  setfattr -n user.k -v v a/one; setfattr -n security.capability -v ${CAPABILITY} a/one; setfattr -n user.root -v v .; setfattr -h -n trusted.x -v y dangling
  setfattr -n 'user.we=ird\\x' -v '' zzz
  setfacl -m u:1000:r a/b; setfacl -d -m u:1000:r deep
  truncate -s 4M sparse; echo data | dd of=sparse bs=1 seek=2000000 conv=notrunc status=none
  head -c 300000 /dev/zero > zeros; echo x > $'lat\\xe9in/f'; setfattr -n user.z -v 1 $'lat\\xe9in/f'
  echo one > .backup-meta.0.0; echo two > .backup-metadata; echo three > a/.backup-meta=
  touch -d '2001-02-03 04:05:06.123456789' a/b zeros; touch -h -d '1999-02-03 04:05:06.987654321' dangling
  touch -d '1965-01-01 00:00:00.25' old; touch -d '2020-01-01 00:00:00.5' sparse .
`;

describe.runIf(whyNotAll === undefined)("a tree with every kind of entry, restored as root", () => {
  it.each<[string, Partial<Config>]>([
    ["segmented", { container: "segmented" }],
    ["segmented, encrypted names", { container: "segmented", encryptFilenames: true }],
    ["classic", { container: "classic" }],
    ["classic, encrypted names", { container: "classic", encryptFilenames: true }],
  ])("is the same to rsync, and to another backup (%s)", async (_, settings) => {
    shell(EVERYTHING);
    const config = world.config({ metadata: true, ...settings });
    await clean(backup(config));
    const { told } = await restore(config, { setid: true });
    expect(told.errors).toEqual([]);
    const compare = `rsync -aHAXn --checksum --delete --modify-window=-1 --itemize-changes "$PWD"/ ../restored/`;
    expect(shell(compare)).toBe("");
    expect(fs.statSync(path.join(world.restored, "sparse")).blocks).toBeLessThan(100);
    expect(fs.statSync(path.join(world.restored, "zeros")).blocks).toBeGreaterThan(500);

    // Names that are not UTF-8 are among them.
    const list = () =>
      execFileSync("find", [world.dest, "-printf", "%P %s\n"], { encoding: "latin1" }).split("\n").sort();
    const stored = list();
    const again = await backup({ ...config, src: { kind: "local", path: world.restored } });
    expect(again.told.errors).toEqual([]);
    expect(again.result.storedBytes).toBe(0);
    expect(list()).toEqual(stored);

    const second = await restore(config, { setid: true });
    expect(second.told).toMatchObject({ errors: [], files: [] });
    expect(Object.keys((await verify(config)).outcomes)).toEqual(["intact"]);
  });
});
it.runIf(whyNotAll !== undefined)(`cannot compare whole trees here: ${whyNotAll}`, () => {});

describe("a backup that records metadata", () => {
  it("stores exactly one object when a mode changes", async () => {
    world.write("folder/a", "a");
    world.write("folder/b", "b");
    world.write("c", "c");
    await clean(backup(segmented()));
    const before = world.stored();
    fs.chmodSync(path.join(world.src, "folder/a"), 0o600);
    const { outcomes, told } = await backup(segmented());
    expect(outcomes).toEqual({ unchanged: 3 });
    expect(told.files).toEqual([]);
    const after = world.stored();
    expect(after.filter((key) => !before.includes(key))).toEqual([
      expect.stringMatching(/^folder\/\.backup-meta\.0\.0\.0\./),
    ]);
    expect(before.filter((key) => !after.includes(key))).toHaveLength(1);
  });

  it("stores links as links, and nothing through them", async () => {
    fs.writeFileSync(world.at("outside"), "secret");
    fs.symlinkSync("../outside", path.join(world.src, "link"));
    fs.mkdirSync(world.at("elsewhere"));
    fs.symlinkSync("../elsewhere", path.join(world.src, "folder"));
    const { outcomes, told } = await backup(segmented());
    expect(outcomes).toEqual({});
    expect(told.warnings).toEqual([]);
    expect(world.stored()).toEqual([expect.stringMatching(/^\.backup-meta\.0\.0\./)]);
    await clean(restore(segmented()));
    expect(fs.readlinkSync(path.join(world.restored, "link"))).toBe("../outside");
    expect(fs.readlinkSync(path.join(world.restored, "folder"))).toBe("../elsewhere");
  });

  it("does not count manifests: not as files, not for the guard", async () => {
    for (let i = 0; i < 12; i++) world.write(`f${i}/file`, String(i));
    for (let i = 0; i < 40; i++) fs.mkdirSync(path.join(world.src, `empty${i}`));
    expect(await clean(backup(segmented()))).toEqual({ new: 12 });
    for (let i = 0; i < 11; i++) world.remove(`f${i}`);
    const { told } = await backup(segmented());
    expect(told.errors).toEqual([
      expect.objectContaining({ message: expect.stringContaining("11 of 12 files") }),
    ]);
    expect(world.stored().filter((key) => key.includes(".backup-meta"))).toHaveLength(12 + 40 + 1);
    expect(await clean(backup(segmented(), { allowMassDelete: true }))).toEqual({
      unchanged: 1,
      deleted: 11,
    });
  });

  it("retires the manifests of folders that went, and takes them up again when they return", async () => {
    world.write("stays/file", "x");
    fs.mkdirSync(path.join(world.src, "empty"));
    fs.utimesSync(path.join(world.src, "empty"), T0, T0);
    await clean(backup(segmented()));
    fs.rmdirSync(path.join(world.src, "empty"));
    await clean(backup(segmented()));
    const [gone] = world.stored().filter((key) => key.startsWith("empty/"));
    expect(gone).not.toMatch(/\.0\.enc$/);
    await clean(restore(segmented()));
    expect(filesIn(world.restored)).toEqual(["stays/file"]);
    fs.mkdirSync(path.join(world.src, "empty"));
    fs.utimesSync(path.join(world.src, "empty"), T0, T0);
    await clean(backup(segmented()));
    expect(world.stored().filter((key) => key.startsWith("empty/"))).toEqual([
      expect.stringMatching(/\.0\.enc$/),
    ]);
  });

  it("keeps names that begin like manifests apart, also without metadata in the segmented container", async () => {
    const forged =
      '{"backup-meta":1,"users":{},"groups":{}}\n{"n":"link","k":"l","m":511,"u":0,"g":0,"t":0,"l":"/etc/shadow"}\n';
    world.write(".backup-meta.0.0", forged, -T0);
    world.write(".backup-meta=.0.0", "x");
    for (const metadata of [true, false]) {
      fs.rmSync(world.restored, { recursive: true, force: true });
      await clean(backup(segmented({ metadata })));
      // Whatever the settings of the restore are: the objects say what they are.
      await clean(restore(world.config()));
      expect(filesIn(world.restored)).toEqual([".backup-meta.0.0", ".backup-meta=.0.0"]);
      expect(fs.readFileSync(path.join(world.restored, ".backup-meta.0.0"), "utf8")).toBe(forged);
    }
  });

  it("leaves a manifest of a classic backup without metadata the file that it is", async () => {
    const forged =
      '{"backup-meta":1,"users":{},"groups":{}}\n{"n":"link","k":"l","m":511,"u":0,"g":0,"t":0,"l":"x"}\n';
    world.write(".backup-meta.0.0", forged, -T0);
    await clean(backup(world.config()));
    await clean(restore(world.config()));
    expect(filesIn(world.restored)).toEqual([".backup-meta.0.0"]);
    // With metadata on the file goes under another name, and the manifest takes this one.
    await clean(backup(world.config({ metadata: true })));
    fs.rmSync(world.restored, { recursive: true });
    await clean(restore(world.config({ metadata: true })));
    expect(filesIn(world.restored)).toEqual([".backup-meta.0.0"]);
    expect(fs.readFileSync(path.join(world.restored, ".backup-meta.0.0"), "utf8")).toBe(forged);
  });
});

describe("a classic destination whose metadata are not recorded any more", () => {
  it("retires the manifests, which were never files: nobody counts them, and nothing is refused", async () => {
    for (let i = 0; i < 12; i++) world.write(`f${i}/file`, String(i));
    await clean(backup(world.config({ metadata: true })));
    expect(await clean(backup(world.config()))).toEqual({ unchanged: 12 });
    const manifests = () => world.stored().filter((key) => key.includes(".backup-meta"));
    expect(manifests()).toHaveLength(13);
    expect(manifests().filter((key) => key.endsWith(".0.enc"))).toEqual([]);
    await clean(restore(world.config()));
    expect(filesIn(world.restored)).toHaveLength(12);
    // And they are taken up again, as they were.
    expect(await clean(backup(world.config({ metadata: true })))).toEqual({ unchanged: 12 });
    expect(manifests().filter((key) => key.endsWith(".0.enc"))).toHaveLength(13);
  });

  it("counts a file of such a name that vanished, unless it has the time of manifests", async () => {
    world.write("stays", "x");
    world.write(".backup-meta.0.0", "x", T0);
    await clean(backup(world.config()));
    world.remove(".backup-meta.0.0");
    expect(await clean(backup(world.config()))).toEqual({ unchanged: 1, deleted: 1 });
  });
});

describe("a restore of metadata", () => {
  it("leaves setuid and setgid bits and file capabilities out unless asked for", async () => {
    world.write("a", "a");
    const [file, restored] = [path.join(world.src, "a"), path.join(world.restored, "a")];
    fs.chmodSync(file, 0o6755);
    spawnSync("setfattr", ["-n", "security.capability", "-v", CAPABILITY, file]); // not everyone may
    const capable = hasCapability(file);
    await clean(backup(segmented()));
    const { told } = await restore(segmented());
    expect(modeOf(restored)).toBe(0o755);
    expect(hasCapability(restored)).toBe(false);
    expect(told.infos.join()).toContain("--setid");
    await clean(restore(segmented(), { setid: true }));
    expect(modeOf(restored)).toBe(0o6755);
    expect(hasCapability(restored)).toBe(capable);
  });

  it("restores files without the manifest that is lost, and says so", async () => {
    world.write("one/a", "a");
    world.write("two/b", "b");
    fs.chmodSync(path.join(world.src, "two/b"), 0o600);
    await clean(backup(segmented()));
    const [manifest] = world.stored().filter((key) => key.startsWith("one/.backup-meta"));
    fs.rmSync(path.join(world.dest, manifest as string));
    const { outcomes, told } = await restore(segmented());
    expect(outcomes).toEqual({ restored: 2 });
    expect(told.errors).toEqual([expect.objectContaining({ path: "one", code: "ENOMANIFEST" })]);
    expect(modeOf(path.join(world.restored, "two/b"))).toBe(0o600);
  });

  it("restores files without the manifest that is damaged, and says so", async () => {
    world.write("one/a", "a");
    await clean(backup(segmented()));
    const [manifest] = world.stored().filter((key) => key.startsWith("one/.backup-meta"));
    const object = path.join(world.dest, manifest as string);
    const bytes = fs.readFileSync(object);
    bytes[100] = (bytes[100] as number) ^ 1;
    fs.writeFileSync(object, bytes);
    const { outcomes, told } = await restore(segmented());
    expect(outcomes).toEqual({ restored: 1 });
    expect(told.errors.map(({ kind, path: file }) => [kind, file])).toContainEqual([
      "damaged",
      "one/.backup-meta.0.0",
    ]);
    expect((await verify(segmented())).errors).toEqual({ damaged: 1 });
  });

  it("applies to what was picked, and to nothing else", async () => {
    world.write("docs/a.txt", "a");
    world.write("docs/b.txt", "b");
    world.write("other/c.txt", "c");
    fs.symlinkSync("a.txt", path.join(world.src, "docs/link.txt"));
    fs.symlinkSync("c.txt", path.join(world.src, "other/link"));
    for (const file of ["docs/a.txt", "docs/b.txt", "other/c.txt"])
      fs.chmodSync(path.join(world.src, file), 0o604);
    await clean(backup(segmented()));
    await clean(restore(segmented(), { only: ["docs/a.txt", "*/link*", "docs"] }));
    expect(filesIn(world.restored)).toEqual(["docs/a.txt", "docs/b.txt", "docs/link.txt", "other/link"]);
    expect(modeOf(path.join(world.restored, "docs/a.txt"))).toBe(0o604);
  });

  it("leaves a newer file in place of a link alone where it is told to", async () => {
    world.write("a", "a");
    fs.symlinkSync("a", path.join(world.src, "link"));
    fs.lutimesSync(path.join(world.src, "link"), T0, T0);
    await clean(backup(segmented()));
    fs.mkdirSync(world.restored);
    fs.writeFileSync(path.join(world.restored, "link"), "mine");
    await clean(restore(segmented(), { overwrite: "if-newer" }));
    expect(fs.readFileSync(path.join(world.restored, "link"), "utf8")).toBe("mine");
    await clean(restore(segmented()));
    expect(fs.readlinkSync(path.join(world.restored, "link"))).toBe("a");
  });

  it.runIf(process.getuid?.() === 0)(
    "works for a user who is not root, without owners and devices",
    async () => {
      world.write("a", "a");
      fs.chownSync(path.join(world.src, "a"), 1000, 1000);
      fs.chmodSync(path.join(world.src, "a"), 0o640);
      shell("mkfifo pipe; mknod null c 1 3; mkdir closed; echo x > closed/x; chmod 500 closed");
      await clean(backup(segmented()));
      fs.chmodSync(world.root, 0o755);
      fs.mkdirSync(world.restored);
      fs.chownSync(world.restored, 65_534, 65_534);
      shell(`chmod -R a+rX ${world.dest}`);
      const config = configure(world, { local_path: world.dest }, { container: "segmented" });
      fs.chmodSync(config, 0o644);
      const { status, stderr, stdout } = spawnSync(
        process.execPath,
        [COMMAND, "--restore", "--config", config],
        {
          uid: 65_534,
          gid: 65_534,
          encoding: "utf8",
          env: { PATH: process.env.PATH, ENCRYPTION_PASSWORD: PASSWORD },
        },
      );
      expect(stderr).toBe("");
      expect(status).toBe(0);
      expect(stdout).toMatch(/owners are not restored/);
      expect(stdout).toMatch(/devices left out, which only root can make: 1/);
      expect(filesIn(world.restored)).toEqual(["a", "closed/x", "pipe"]);
      expect(modeOf(path.join(world.restored, "a"))).toBe(0o640);
      expect(modeOf(path.join(world.restored, "closed"))).toBe(0o500);
      expect(fs.statSync(path.join(world.restored, "a")).uid).toBe(65_534);
    },
  );
});

describe("a machine without the tools", () => {
  const tools = process.env.PATH;
  afterEach(() => {
    process.env.PATH = tools;
  });

  it("backs up and restores what Node can, and says what is lacking once", async () => {
    world.write("a", "a");
    world.write("folder/b", "b");
    fs.chmodSync(path.join(world.src, "a"), 0o600);
    if (whyNotAll === undefined) shell("setfattr -n user.k -v v a");
    const config = segmented();
    await clean(backup(config));
    process.env.PATH = world.at("nowhere");
    const { told, outcomes } = await restore(config);
    expect(outcomes).toEqual({ restored: 2 });
    expect(told.errors).toEqual([]);
    expect(told.infos.filter((info) => info.includes("quarter of a microsecond"))).toHaveLength(1);
    if (whyNotAll === undefined) expect(told.infos.join()).toContain("setfattr is not installed");
    expect(modeOf(path.join(world.restored, "a"))).toBe(0o600);
    expect(Math.floor(fs.statSync(path.join(world.restored, "a")).mtimeMs / 1000)).toBe(T0);
    const again = await backup(config);
    expect(again.told.errors).toEqual([]);
    expect(again.told.infos.filter((info) => info.includes("getfattr is not installed"))).toHaveLength(1);
  });
});

describe("a source that looks like an accident", () => {
  it.each([
    { all: false, top: true },
    { all: true, top: true },
    { all: true, top: false },
  ])("keeps the metadata of what is kept (%j)", async ({ all, top }) => {
    // Manifests were stored before the guard spoke: modes, links and folders were gone from the backup. Later those of
    // folders that lost nothing but folders and links.
    for (let i = 0; i < 12; i++) world.write(`mounted/${i}`, "x");
    for (const file of ["mounted/0", ...(top ? ["top"] : [])]) {
      world.write(file, "x");
      fs.chmodSync(path.join(world.src, file), 0o750);
    }
    for (const folder of ["", "mounted"]) fs.symlinkSync("0", path.join(world.src, folder, "link"));
    const config = segmented();
    await clean(backup(config));
    // The root has another time, where it is still the same folder.
    const kept = () => world.stored().filter((name) => all || name.startsWith("mounted/"));
    const before = kept();
    for (const name of fs.readdirSync(world.src)) {
      if (all || name === "mounted") fs.renameSync(path.join(world.src, name), world.at(`away-${name}`));
    }
    if (!all) fs.mkdirSync(path.join(world.src, "mounted"));
    const { told } = await backup(config);
    expect(told.errors).toEqual([expect.objectContaining({ kind: "refused", code: "EMASSDELETE" })]);
    expect(kept()).toEqual(before);
    await clean(restore(config));
    expect(modeOf(path.join(world.restored, "mounted/0"))).toBe(0o750);
    expect(fs.readlinkSync(path.join(world.restored, "mounted/link"))).toBe("0");
    expect(fs.readlinkSync(path.join(world.restored, "link"))).toBe("0");
    // Where it is meant they go.
    await clean(backup(config, { allowMassDelete: true }));
    expect(kept()).not.toEqual(before);
    await clean(verify(config));
  });
});

it("a link that could not be looked at was gone from the backup", async () => {
  world.write("folder/file", "x");
  const link = path.join(world.src, "folder/link");
  fs.symlinkSync("file", link);
  await clean(backup(segmented()));
  world.write("folder/new", "x");
  const { told } = await withUnexaminable(link, () => backup(segmented()));
  expect(told.errors.map(({ code }) => code)).toEqual(["EIO", "EMASSDELETE"]);
  await clean(restore(segmented()));
  expect(fs.readlinkSync(path.join(world.restored, "folder/link"))).toBe("file");
  await clean(backup(segmented()));
  await clean(restore(segmented()));
});

describe("files that no recorded metadata fit came back open to everyone", () => {
  const modes = (...files: string[]) => files.map((file) => modeOf(path.join(world.restored, file)));
  const usual = 0o666 & ~process.umask();
  const unknown = (told: Recorder) => told.warnings.filter((text) => text.includes("not known"));
  beforeEach(() => {
    for (const file of ["key", "folder/key"]) world.write(file, "one");
    world.write("open", "open");
    for (const file of ["key", "folder/key"]) fs.chmodSync(path.join(world.src, file), 0o640);
  });

  it("a deleted one, by a restore that was cut off and begun again", async () => {
    await clean(backup(segmented()));
    world.remove("key");
    world.remove("folder");
    await clean(backup(segmented()));
    fs.mkdirSync(world.restored, { mode: 0o755 });
    const cut = new AbortController();
    const reporter = new Recorder();
    reporter.file = () => cut.abort();
    const choice = { deleted: true };
    await expect(restore(segmented(), { choice, reporter, signal: cut.signal })).rejects.toThrow();
    expect(await clean(restore(segmented(), { choice }))).toMatchObject({ identical: expect.any(Number) });
    expect(modes("key", "folder/key", "open")).toEqual([0o600, 0o600, usual]);
  });

  for (const open of [false, true]) {
    const target = () => {
      fs.mkdirSync(world.restored, { mode: 0o755 });
      if (open) fs.writeFileSync(path.join(world.restored, "there"), "before", { mode: 0o644 });
    };

    it(`a deleted one, in a folder ${open ? "with files in it" : "that was empty"}`, async () => {
      await clean(backup(segmented()));
      world.remove("key");
      world.remove("folder");
      await clean(backup(segmented()));
      target();
      const { told } = await restore(segmented(), { choice: { deleted: true } });
      expect(modes("key", "folder/key", "open")).toEqual([0o600, 0o600, usual]);
      expect(unknown(told)).toHaveLength(2);
    });

    it(`an older version, in a folder ${open ? "with files in it" : "that was empty"}`, async () => {
      const config = segmented({ versionsKeepDays: 30 });
      await clean(backup(config));
      world.write("key", "another", 10);
      await clean(backup(config));
      target();
      const choice = { md5: createHash("md5").update("one").digest("hex").slice(0, 8) };
      const { outcomes, told } = await restore(config, { choice, only: ["key"] });
      expect(outcomes).toEqual({ restored: 1 });
      expect(modes("key")).toEqual([0o600]);
      expect(unknown(told)).toHaveLength(1);
    });

    it(`but those that they fit get theirs, in a folder ${open ? "with files in it" : "that was empty"}`, async () => {
      await clean(backup(segmented()));
      target();
      const { told } = await restore(segmented());
      expect(modes("key", "folder/key", "open")).toEqual([0o640, 0o640, usual]);
      expect(unknown(told)).toEqual([]);
    });

    it(`and where none were recorded, the usual mode, in a folder ${open ? "with files in it" : "that was empty"}`, async () => {
      const config = segmented({ metadata: false });
      await clean(backup(config));
      target();
      const { told } = await restore(config);
      expect(modes("key", "folder/key", "open")).toEqual([usual, usual, usual]);
      expect(unknown(told)).toEqual([]);
    });
  }
});

describe("the folder that is restored to", () => {
  it("is closed to others until files have their modes, and then as it was, or as the source is", async () => {
    world.write("a", "a");
    fs.chmodSync(world.src, 0o751);
    await clean(backup(segmented()));
    const seen: number[] = [];
    const reporter = new Recorder();
    reporter.file = () => seen.push(modeOf(world.restored));
    fs.mkdirSync(world.restored, { mode: 0o755 });
    await clean(restore(segmented(), { reporter, only: ["a"] }));
    expect(seen).toEqual([0o700]);
    expect(modeOf(world.restored)).toBe(0o755);
    fs.rmSync(path.join(world.restored, "a"));
    await clean(restore(segmented()));
    expect(modeOf(world.restored)).toBe(0o751);
  });
});
