import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CombinedSource } from "../../src/scan/combined-source.ts";
import { FilesFrom } from "../../src/scan/files-from.ts";
import { ListedSource } from "../../src/scan/listed-source.ts";
import { LocalSource } from "../../src/scan/local-source.ts";
import type { Source } from "../../src/scan/source.ts";
import { exclusionsOf } from "./exclusions.ts";
import { madeSource, scanned, scanOf } from "./made-source.ts";

let root: string;
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "listed-source-"));
  fs.mkdirSync(`${root}/src`);
  fs.writeFileSync(`${root}/src/file`, "content");
});
afterEach(() => fs.rmSync(root, { recursive: true, force: true }));

const local = () => new LocalSource(`${root}/src`, exclusionsOf());
it.each<[string, string, () => Source]>([
  ["a folder", "", local],
  ["a folder of which a list is taken", "", () => new ListedSource(local(), new FilesFrom([""]))],
  ["one of several", "a/", () => new CombinedSource([{ name: "a", source: local() }])],
])("%s tells that it is another, and what came since", async (_, prefix, open) => {
  const source = open();
  for await (const _ of source.scan({ onError() {}, onSkipped() {}, onNote() {} }));
  expect(source.isStillThere()).toBe(true);
  fs.writeFileSync(`${root}/src/new`, "content");
  expect(source.cameSince(`${prefix}new`)).toBe(true);
  expect(source.cameSince(`${prefix}none`)).toBe(false);
  expect(source.wasRemoved(`${prefix}none`)).toBe(true);
  fs.renameSync(`${root}/src`, `${root}/aside`);
  expect(source.isStillThere()).toBe(false);
  fs.mkdirSync(`${root}/src`);
  expect(source.isStillThere()).toBe(false);
  await source.close();
});

describe("a list of files", () => {
  it("gets nothing of a source before something of it is met, and then everything, in order", async () => {
    const list = new FilesFrom(["file", "other"]);
    const paths = ["a", "b", "file", "x"];
    const scan: Source["scan"] = async function* (findings) {
      for await (const entries of scanOf(paths)(findings)) {
        if (entries[0]?.path === "file") list.meet("file");
        yield entries;
      }
    };
    const source = new ListedSource(madeSource({ scan }), list);
    expect(await scanned(source)).toMatchObject({
      paths,
      told: ["skipped other: listed in files_from, but not found"],
    });
    const unmet = new ListedSource(madeSource({ scan: scanOf(paths) }), new FilesFrom(["none"]));
    const findings = { onError() {}, onSkipped() {}, onNote() {} };
    await expect(unmet.scan(findings).next()).rejects.toMatchObject({ side: "source", code: "ENOENT" });
  });

  it("whose folders are met after all that is held gets that at the end", async () => {
    const list = new FilesFrom(["empty folder"]);
    const scan = scanOf(["manifest"], () => list.meet("empty folder"));
    expect(await scanned(new ListedSource(madeSource({ scan }), list))).toMatchObject({
      paths: ["manifest"],
    });
  });

  it("leaves everything else to the source", async () => {
    let isClosed = false;
    const isFile = (path: string) => path === "file";
    const source = new ListedSource(
      madeSource({
        isUnknown: isFile,
        trustsEtag: async ({ path }) => isFile(path),
        excludedBy: async (path) => `leaves out ${path}`,
        ruleFor: async (path) => `rule for ${path}`,
        close: async () => {
          isClosed = true;
        },
      }),
      new FilesFrom(["file"]),
    );
    expect([source.isUnknown("file"), source.isUnknown("x")]).toEqual([true, false]);
    expect(await source.trustsEtag({ path: "file", size: 1 })).toBe(true);
    expect([await source.excludedBy("x"), await source.ruleFor("x")]).toEqual(["leaves out x", "rule for x"]);
    await source.close();
    expect(isClosed).toBe(true);
  });
});
