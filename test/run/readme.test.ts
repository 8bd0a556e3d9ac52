/** What the README says about every day is done here as it stands, in a folder with some documents. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { COMMAND } from "../built.ts";
import { md5, treeOf, writeFile } from "./world.ts";

const REPOSITORY = path.resolve(import.meta.dirname, "../..");

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "backup-readme-"));
  writeFile(path.join(folder, "documents/letters/aunt.txt"), "Dear aunt,\n", 1_600_000_000);
  writeFile(path.join(folder, "documents/letters/uncle.odt"), "Dear uncle,\n", 1_600_000_001);
  writeFile(path.join(folder, "documents/photos/2024/beach.jpg"), "sand", 1_600_000_002);
  // `backup` on the path, and temporary files where they are looked for.
  fs.mkdirSync(path.join(folder, "bin"));
  const command = `#!/bin/sh\nexec "${process.execPath}" "${COMMAND}" "$@"\n`;
  fs.writeFileSync(path.join(folder, "bin/backup"), command, { mode: 0o755 });
  fs.mkdirSync(path.join(folder, "tmp"));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

function commands(): string[] {
  const readme = fs.readFileSync(path.join(REPOSITORY, "README.md"), "utf8");
  const [, section = ""] = /\n## Every day\n(.*?)\n## /s.exec(readme) ?? [];
  return section.split("\n").flatMap((line) => (line.startsWith("    ") ? [line.trim()] : []));
}

it("every command of the README's everyday section does what it says", () => {
  const listed = commands();
  expect(listed.length).toBeGreaterThan(15);
  const env = {
    PATH: `${folder}/bin:${process.env.PATH}`,
    TMPDIR: path.join(folder, "tmp"),
    NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE,
  };
  const outputs = new Map<string, string>();
  for (const line of listed) {
    const { status, stdout, stderr } = spawnSync("sh", ["-c", line], { cwd: folder, env, encoding: "utf8" });
    expect({ line, status, stderr }).toEqual({ line, status: 0, stderr: "" });
    outputs.set(line.replace(/\s+#.*/, ""), stdout);
  }
  expect(outputs.get("backup plan")).toMatch(/new letters\/aunt.txt/);
  expect(outputs.get("backup")).toMatch(/new: 3 files/);
  expect(fs.readFileSync(path.join(folder, "errors.log"), "utf8")).toBe("");
  expect(outputs.get("backup list letters")?.trim().split("\n")).toHaveLength(2);
  expect(outputs.get("backup list --at 3d")).toBe("");
  expect(outputs.get("backup find '*.odt' --json")).toContain(md5("Dear uncle,\n"));
  expect(outputs.get("backup diff --source")).toBe("");
  expect(outputs.get("backup cat letters/aunt.txt")).toBe("Dear aunt,\n");
  expect(outputs.get("backup list --explain letters")).toBe("letters: considered, no rule leaves it out\n");
  const documents = treeOf(path.join(folder, "documents"));
  expect(treeOf(path.join(folder, "restored"))).toEqual(documents);
  expect(treeOf(path.join(folder, "restored-as-it-was"))).toEqual(documents);
  expect(treeOf(path.join(folder, "tmp/encrypted_s3_backup_restore"))).toEqual(documents);
  expect(fs.existsSync(path.join(folder, "one-year"))).toBe(false);
  expect(fs.readFileSync(path.join(folder, "aunt.txt"), "utf8")).toBe("Dear aunt,\n");
});
