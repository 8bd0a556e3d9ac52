import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { CombinedSource } from "../../src/scan/combined-source.ts";
import { FilesFrom } from "../../src/scan/files-from.ts";
import { ListedSource } from "../../src/scan/listed-source.ts";
import { LocalSource } from "../../src/scan/local-source.ts";
import type { Source } from "../../src/scan/source.ts";
import { exclusionsOf } from "./exclusions.ts";

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
