import { execFile } from "node:child_process";
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import * as path from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { decryptFile } from "../../../src/cli/decrypt.ts";
import { COMMAND } from "../../built.ts";
import { backup, clean, configOf, World } from "../world.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

const signal = new AbortController().signal;
const stored = (name: RegExp) => {
  const [found] = world.stored().filter((key) => name.test(key));
  if (found === undefined) throw new Error("nothing is stored under such a name");
  return path.join(world.dest, found);
};

describe.each(["classic", "segmented"] as const)("opening one stored object, %s", (container) => {
  it.each([0, 1000, 11 * 1024 * 1024])("gives an original of %i bytes", async (size) => {
    const content = Buffer.alloc(size, "some content. ");
    world.write("folder/file.txt", content);
    const config = world.config({ container });
    await clean(backup(config));
    const out = path.join(world.root, "out");
    await decryptFile(stored(/file/), out, config, signal);
    expect(fs.readFileSync(out).equals(content)).toBe(true);
  });

  it("leaves nothing at all when the object is damaged, and never replaces a file", async () => {
    world.write("file.txt", "content that is long enough to be damaged in its middle");
    const config = world.config({ container });
    await clean(backup(config));
    const file = stored(/file/);
    const bytes = fs.readFileSync(file);
    const middle = container === "classic" ? bytes.length - 5 : 95;
    bytes[middle] = (bytes[middle] as number) ^ 1;
    fs.writeFileSync(file, bytes);
    const out = path.join(world.root, "out");
    await expect(decryptFile(file, out, config, signal)).rejects.toMatchObject({ kind: "damaged" });
    expect(fs.readdirSync(world.root).filter((name) => /out|decrypt/.test(name))).toEqual([]);
    fs.writeFileSync(out, "mine");
    await expect(decryptFile(file, out, config, signal)).rejects.toThrow();
    expect(fs.readFileSync(out, "utf8")).toBe("mine");
  });
});

describe("where the file system has no hard links", () => {
  const { linkSync } = fs;
  beforeEach(async () => {
    world.write("file.txt", "content");
    await clean(backup(world.config()));
  });
  afterEach(() => {
    fs.linkSync = linkSync;
    syncBuiltinESMExports();
  });

  function refuseLinks(meanwhile = () => {}): void {
    fs.linkSync = () => {
      meanwhile();
      throw Object.assign(new Error("not permitted"), { code: "EPERM" });
    };
    syncBuiltinESMExports();
  }

  it("a file gets its name all the same", async () => {
    refuseLinks();
    await decryptFile(stored(/file/), world.at("out"), world.config(), signal);
    expect(fs.readFileSync(world.at("out"), "utf8")).toBe("content");
    expect(fs.readdirSync(world.root).filter((name) => /decrypt/.test(name))).toEqual([]);
  });

  it("and does not replace one that came meanwhile", async () => {
    refuseLinks(() => fs.writeFileSync(world.at("out"), "mine"));
    const opening = decryptFile(stored(/file/), world.at("out"), world.config(), signal);
    await expect(opening).rejects.toMatchObject({ code: "EEXIST" });
    expect(fs.readFileSync(world.at("out"), "utf8")).toBe("mine");
  });
});

it("opens a segmented object under any name, and a classic one only under its own", async () => {
  world.write("file.txt", "hello");
  for (const container of ["classic", "segmented"] as const) {
    const config = world.config({ container });
    fs.rmSync(world.dest, { recursive: true, force: true });
    await clean(backup(config));
    const renamed = path.join(world.root, `renamed-${container}`);
    fs.copyFileSync(stored(/file/), renamed);
    const out = path.join(world.root, `out-${container}`);
    const opening = decryptFile(renamed, out, config, signal);
    if (container === "classic") await expect(opening).rejects.toThrow("only opened under its stored name");
    else await opening.then(() => expect(fs.readFileSync(out, "utf8")).toBe("hello"));
  }
});

it("needs only the password on the command line's side: no source, no destination", async () => {
  world.write("file.txt", "hello from the command");
  await clean(backup(configOf({ src: world.src, dest: world.dest }, { container: "segmented" })));
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    [COMMAND, "decrypt", stored(/file/)],
    {
      cwd: world.root,
      env: { PATH: process.env.PATH, ENCRYPTION_PASSWORD: "a password for tests" },
    },
  );
  expect({ stdout, stderr }).toEqual({ stdout: "hello from the command", stderr: "" });
});

it("said of a folder and of a device that they do not exist", async () => {
  const config = world.config();
  for (const [file, code, message] of [
    [world.src, "EISDIR", "is a folder"],
    ["/dev/null", "ENOTFILE", "is no regular file"],
    [world.at("absent"), "ENOENT", "does not exist"],
    [path.join(world.root, "absent", "file"), "ENOENT", "does not exist"],
  ] as const) {
    const opening = decryptFile(file, world.at("out"), config, signal);
    await expect(opening, file).rejects.toMatchObject({ code, message, path: file });
  }
});
