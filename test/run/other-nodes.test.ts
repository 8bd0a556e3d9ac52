/**
 * Other versions of Node that package.json promises, as OTHER_NODES names them (paths, separated by colons; .ci/run does):
 * what lies below Node's public face, and what it makes of memory, is not the same in all of them.
 */
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COMMAND } from "../built.ts";
import { noise, prose } from "../container/segmented/samples.ts";
import { treeOf, writeFile } from "./world.ts";

const NODES = (process.env.OTHER_NODES ?? "").split(":").filter((node) => node !== "");
const SIZES = [0, 1, 100, 3000, 5000, 40_000, 70_000, 300_000, 11_000_000];
const SETTINGS = [
  { container: "segmented", encrypt: true },
  { container: "segmented", encrypt: false },
  { container: "classic", encrypt: true },
];

let folder: string;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "backup-nodes-"));
  for (const [i, size] of SIZES.entries()) {
    writeFile(path.join(folder, `source/words/${size}`), prose(size), 1_600_000_000 + i);
    writeFile(path.join(folder, `source/noise/${size}`), noise(size), 1_600_000_100 + i);
  }
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

function run(node: string, settings: object, place: string, ...args: string[]): void {
  const config = path.join(folder, "config.json");
  const all = {
    src: { local_path: path.join(folder, "source") },
    dest: { local_path: path.join(folder, place) },
    restore: { local_path: path.join(folder, `${place}-restored`) },
    encryption_password: "correct horse",
    encryption_salt: "00112233445566778899aabbccddeeff",
    ...settings,
  };
  fs.writeFileSync(config, JSON.stringify(all), { mode: 0o600 });
  execFileSync(node, [COMMAND, "--config", config, ...args], { stdio: ["ignore", "ignore", "inherit"] });
}

/** What is stored, apart from when it was. */
function bytesIn(place: string): Record<string, string | undefined> {
  const tree = Object.entries(treeOf(path.join(folder, place)));
  return Object.fromEntries(tree.map(([file, told]) => [file, told.split(" ")[0]]));
}

describe.runIf(NODES.length > 0)("another Node", () => {
  beforeAll(() => {
    for (const [i, settings] of SETTINGS.entries()) run(process.execPath, settings, `here-${i}`);
  });

  it.each(NODES)("at %s stores and restores the same bytes as this one", (node) => {
    const source = treeOf(path.join(folder, "source"));
    for (const [i, settings] of SETTINGS.entries()) {
      const there = `there-${i}-${NODES.indexOf(node)}`;
      run(node, settings, there);
      // Classic objects have random nonces.
      if (settings.container === "segmented") {
        expect(bytesIn(there)).toEqual(bytesIn(`here-${i}`));
      } else {
        run(process.execPath, settings, there, "--restore");
        expect(treeOf(path.join(folder, `${there}-restored`))).toEqual(source);
      }
      run(node, settings, `here-${i}`, "--restore");
      expect(treeOf(path.join(folder, `here-${i}-restored`))).toEqual(source);
      fs.rmSync(path.join(folder, `here-${i}-restored`), { recursive: true });
    }
  });
});
