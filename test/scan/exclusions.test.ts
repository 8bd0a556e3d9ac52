import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { OTHER_FILE_SYSTEM } from "../../src/scan/exclusions.ts";
import { FilesFrom } from "../../src/scan/files-from.ts";
import { assertProperty } from "../property.ts";
import { exclusionsOf } from "./exclusions.ts";

const name = fc.constantFrom("a", "b", "c", "dir", "x.tmp", "keep");
const folderPath = fc.array(name, { maxLength: 3 }).map((names) => names.map((one) => `${one}/`).join(""));
const filePath = fc.tuple(folderPath, name).map(([folder, file]) => folder + file);
const pattern = fc.oneof(
  name,
  name.map((one) => `/${one}`),
  name.map((one) => `${one}/`),
  filePath,
  filePath.map((file) => `${file}/*`),
  fc.constantFrom("*", "/*", "*/", "**/a", "a/**", "a/**/", "dir/**/b", "*.tmp", "[[:alpha:]]", "?"),
);
const lines = fc.array(
  fc.tuple(fc.boolean(), pattern).map(([negated, text]) => (negated ? `!${text}` : text)),
  { minLength: 1, maxLength: 3 },
);
const world = fc.record({
  exclude: fc.oneof(fc.constant([]), lines),
  files: fc.uniqueArray(filePath, { minLength: 4, maxLength: 14 }),
  rules: fc.uniqueArray(fc.tuple(folderPath, lines), { maxLength: 4, selector: ([folder]) => folder }),
});

it("what lies on another file system is left out whatever is included of it, and so stays as it is stored", () => {
  const exclusions = exclusionsOf({ oneFileSystem: true, include: ["/mnt/", "/cache/"] });
  exclusions.leaveOut("mnt/", OTHER_FILE_SYSTEM);
  exclusions.leaveOut("cache/", "exclude_caches");
  const reasonOf = (file: string) => exclusions.reasonFor(file)?.text;
  expect(["mnt/a", "mnt/b/c", "mnt/CACHEDIR.TAG"].map(reasonOf)).toEqual(Array(3).fill(OTHER_FILE_SYSTEM));
  expect(exclusions.reasonFor("mnt/a")?.classic).toBe(false);
  expect(reasonOf("cache/a")).toBeUndefined();
});

describe("rules of several levels", () => {
  let root: string;
  beforeAll(() => {
    root = fs.mkdtempSync(path.join(os.tmpdir(), "backup-exclusions-"));
    execFileSync("git", ["init", "-q", root]);
  });
  afterAll(() => fs.rmSync(root, { recursive: true, force: true }));

  it("leave out what git leaves out", () => {
    // What a rule of an inner level took back stayed left out, where it was a folder.
    assertProperty(
      fc.property(world, ({ exclude, files, rules }) => {
        const made = makeTree(root, files, rules);
        fs.writeFileSync(path.join(root, ".git/info/exclude"), exclude.join("\n"));
        const exclusions = exclusionsOf({ exclude });
        for (const [folder, ofFolder] of made.rules) exclusions.addRules(folder, ofFolder);
        const scanned = made.files.filter((file) => exclusions.reasonFor(file) === undefined);
        expect(scanned).toEqual(keptByGit(root));
        // The verdict hangs on the path alone, whatever was asked before.
        const again = made.files.toReversed().filter((file) => exclusions.reasonFor(file) === undefined);
        expect(again.toReversed()).toEqual(scanned);
        const skipped = made.files.filter((file) =>
          foldersOf(file).some((folder) => exclusions.skipsFolder(folder)),
        );
        expect(skipped.filter((file) => scanned.includes(file))).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  it("have no folder skipped that holds something included, and others skipped all the same", () => {
    // All folders were entered, for whatever was included.
    assertProperty(
      fc.property(world, lines, ({ exclude, files, rules }, include) => {
        const exclusions = exclusionsOf({ exclude, include });
        for (const [folder, ofFolder] of rules) exclusions.addRules(folder, ofFolder);
        const isSkipped = (file: string) => foldersOf(file).some((folder) => exclusions.skipsFolder(folder));
        const scanned = files.filter((file) => exclusions.reasonFor(file) === undefined);
        expect(scanned.filter(isSkipped)).toEqual([]);
      }),
      { numRuns: 100 },
    );
    const exclusions = exclusionsOf({ exclude: ["*"], include: ["/a/b/c", "/d*/x", "!/e/f", "/g\\*/h"] });
    const folders = ["a/", "a/b/", "a/b/c/", "a/b/c/x/", "d/", "dd/y/", "g*/", "ab/", "a/c/", "e/", "h/"];
    expect(folders.filter((folder) => exclusions.skipsFolder(folder))).toEqual(["ab/", "a/c/", "e/", "h/"]);
  });

  it("name the one that decided", () => {
    const exclusions = exclusionsOf({ exclude: ["dir/", "*.tmp"], include: ["/a/b/c"] });
    exclusions.addRules("", ["!/dir", "!x.tmp", "/a/*", "*.log"]);
    exclusions.addRules("dir/", ["!y.log", "sub"]);
    const why = (file: string) => exclusions.reasonFor(file)?.text;
    expect(why("dir/f")).toBeUndefined();
    expect(why("dir/x.tmp")).toBeUndefined();
    expect(why("dir/y.tmp")).toBe("exclude: *.tmp");
    expect(why("dir/z.log")).toBe(".backupignore: *.log");
    expect(why("dir/y.log")).toBeUndefined();
    expect(why("dir/sub/y.log")).toBe("dir/.backupignore: sub");
    expect(why("other/dir/f")).toBe("exclude: dir/");
    expect(why("a/b/")).toBe(".backupignore: /a/*");
    expect(why("a/b/c")).toBeUndefined();
    expect(why("a/b/d")).toBe(".backupignore: /a/*");
  });

  it("that are added later hold for folders that were judged before", () => {
    const exclusions = exclusionsOf({ exclude: ["*.tmp"] });
    expect(exclusions.reasonFor("a/b/c")).toBeUndefined();
    exclusions.addRules("a/", ["b"]);
    expect(exclusions.reasonFor("a/b/c")?.text).toBe("a/.backupignore: b");
  });

  it("bear keys of buckets that no folder could have", () => {
    const exclusions = exclusionsOf({ exclude: ["x", "/y"] });
    const keys = ["/x", "/", "//x", "a//x/b", "y/", "a/", "a//", "z"];
    expect(keys.filter((key) => exclusions.reasonFor(key) !== undefined)).toEqual([
      "/x",
      "//x",
      "a//x/b",
      "y/",
    ]);
  });
});

describe("a list of files", () => {
  it("knows what of it was met, by itself or by what lies in it", () => {
    const list = new FilesFrom(["a", "b/c", "b/c/d", "e"]);
    expect(list.isMet).toBe(false);
    list.meet("b");
    expect(list.isMet).toBe(false);
    list.meet("b/c/d/f");
    expect(list.isMet).toBe(true);
    expect([...list.missing]).toEqual(["a", "e"]);
    expect(["a", "a/x", "ab", "b/", "b/c/", "b/c/x"].map((file) => list.takes(file))).toEqual([
      true,
      true,
      false,
      false,
      true,
      true,
    ]);
  });

  it("knows why something was not looked for, whichever folder on the way was passed over", () => {
    const list = new FilesFrom(["a/b/c", "d"]);
    list.passOver("a/b/", "a rule");
    expect(["a/b/c", "d"].map((file) => list.leftOutBy(file))).toEqual(["a rule", undefined]);
  });

  it("may be empty, or name the source as a whole", () => {
    expect(new FilesFrom([]).isMet).toBe(true);
    expect(new FilesFrom([]).takes("a")).toBe(false);
    const whole = new FilesFrom([""]);
    expect([whole.isMet, whole.takes("a/b"), [...whole.missing]]).toEqual([true, true, []]);
  });
});

/** A repository with these files, as far as none has to be a folder as well; what came to be, in order. */
function makeTree(root: string, files: readonly string[], rules: readonly [string, string[]][]) {
  for (const name of fs.readdirSync(root)) {
    if (name !== ".git") fs.rmSync(path.join(root, name), { recursive: true });
  }
  const write = (file: string, content: string): boolean => {
    try {
      fs.mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
      fs.writeFileSync(path.join(root, file), content);
      return true;
    } catch {
      return false;
    }
  };
  return {
    files: files.filter((file) => write(file, "")).sort(),
    rules: rules.filter(([folder, text]) => write(`${folder}.gitignore`, text.join("\n"))),
  };
}

function keptByGit(root: string): string[] {
  const env = { ...process.env, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null", HOME: root };
  const args = ["-C", root, "ls-files", "-z", "--others", "--exclude-standard"];
  const output = execFileSync("git", args, { env, encoding: "utf8" });
  return output
    .split("\0")
    .filter((file) => file !== "" && path.basename(file) !== ".gitignore")
    .sort();
}

function foldersOf(file: string): string[] {
  const names = file.split("/").slice(0, -1);
  return names.map((_, i) => `${names.slice(0, i + 1).join("/")}/`);
}
