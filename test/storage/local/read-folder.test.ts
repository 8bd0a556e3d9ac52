import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fsPath } from "../../../src/names/path-text.ts";
import { type FolderEntry, readFolder, readLargeFolder } from "../../../src/storage/local/read-folder.ts";
import { failing, withFs, withoutKinds } from "../../with-fs.ts";

let root: string;
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "read-folder-"));
});
afterEach(() => fs.rmSync(root, { recursive: true }));

const READ: Record<string, (folder: string) => Iterable<FolderEntry>> = {
  small: readFolder,
  large: readLargeFolder,
};
const openFiles = () => fs.readdirSync("/proc/self/fd").length;

/** Kinds by name. */
const kinds = (entries: Iterable<FolderEntry>) =>
  Object.fromEntries([...entries].map(({ name, kind }) => [name, kind]));

for (const [size, read] of Object.entries(READ)) {
  describe(`a ${size} folder of a file system that does not tell the kinds of names`, () => {
    it.each(["plain", "\udcff"])(
      "is read as any other, whatever the names in it, or its own (%j)",
      async (own) => {
        const folder = `${root}/${own}`;
        fs.mkdirSync(fsPath(`${folder}/folder é`), { recursive: true });
        for (const name of ["a", "é", "\udcff", "z"]) fs.writeFileSync(fsPath(`${folder}/${name}`), "");
        fs.symlinkSync("none", fsPath(`${folder}/link é`));
        execFileSync("mkfifo", [`${root}/fifo`]);
        fs.renameSync(`${root}/fifo`, fsPath(`${folder}/fifo`));
        const files = openFiles();
        const expected = {
          ...{ a: "file", é: "file", "\udcff": "file", z: "file" },
          ...{ "folder é": "folder", "link é": "link", fifo: "other" },
        };
        expect(kinds(read(folder))).toEqual(expected);
        await withFs(withoutKinds(), async () => expect(kinds(read(folder))).toEqual(expected));
        expect(openFiles()).toBe(files);
      },
    );

    it("is read although one of its files has just been removed", async () => {
      for (const name of ["a", "b", "c"]) fs.writeFileSync(`${root}/${name}`, "");
      const racing = withoutKinds(() => fs.rmSync(`${root}/b`, { force: true }));
      await withFs(racing, async () => expect(kinds(read(root))).toEqual({ a: "file", c: "file" }));
    });

    it("fails where it cannot be read, or one of its files cannot be looked at", async () => {
      fs.writeFileSync(fsPath(`${root}/\udcff`), "");
      const broken = { ...withoutKinds(), lstatSync: failing("EIO") };
      await withFs(broken, async () => expect(() => kinds(read(root))).toThrow("EIO"));
      expect(() => kinds(read(`${root}/none`))).toThrow("ENOENT");
    });
  });
}
