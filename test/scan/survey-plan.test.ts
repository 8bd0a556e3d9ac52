import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { EVERYTHING, surveyXattrs } from "../../src/metadata/xattrs.ts";
import { LocalSource } from "../../src/scan/local-source.ts";
import { planSurvey } from "../../src/scan/survey-plan.ts";
import { withFs } from "../with-fs.ts";
import { exclusionsOf } from "./exclusions.ts";

let root: string;
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "survey-plan-"));
  for (const folder of ["a/x/deep", "a/y", "b", "mnt/nas/files", "mnt/disk"])
    fs.mkdirSync(`${root}/${folder}`, { recursive: true });
  fs.writeFileSync(`${root}/file`, "");
});
afterEach(() => fs.rmSync(root, { recursive: true }));

const plan = (settings: Parameters<typeof exclusionsOf>[0], mounts: string[] = []) => {
  return [...planSurvey(root, exclusionsOf(settings), () => mounts)].sort();
};

describe("a survey of extended attributes", () => {
  it("goes everywhere where nothing is left out", () => {
    expect(planSurvey(root, exclusionsOf())).toEqual(EVERYTHING);
    expect(plan({ exclude: ["*.tmp"] })).toEqual([""]);
  });

  it("does not go into folders that a rule leaves out, nor into what is the tool's own", () => {
    expect(plan({ exclude: ["/mnt/nas/"] })).toEqual(["a", "b", "mnt/disk"]);
    expect(plan({ exclude: ["/mnt/", "x"] })).toEqual(["a/y", "b"]);
    for (const deep of [{ prefixes: ["a/x/deep/"] }, { exclude: ["/a/x/deep/"] }, { exclude: ["a/x/deep"] }])
      expect(plan(deep)).toEqual(["a/y", "b", "mnt"]);
    // Such a rule is not looked for as deep as it might apply.
    expect(plan({ exclude: ["deep/", "/a/*/deep"] })).toEqual([""]);
  });

  it("does not go into other file systems where these are left out", async () => {
    const { lstatSync } = fs;
    const elsewhere = (at: string, ...rest: []) => {
      const stat = lstatSync(at, ...rest);
      return at === `${root}/a/x/deep` ? Object.assign(stat, { dev: stat.dev + 1 }) : stat;
    };
    const mounts = ["a/x/deep", "mnt/disk"]; // the latter of the same file system
    await withFs({ lstatSync: elsewhere }, async () => {
      expect(plan({ oneFileSystem: true }, mounts)).toEqual(["a/y", "b", "mnt"]);
      expect(plan({}, mounts)).toEqual([""]);
    });
  });

  it("knows what the system says is mounted, whatever its name, also where the source is a link", async () => {
    const odd = "a/with space\\and \u00e9";
    fs.mkdirSync(`${root}/${odd}/below`, { recursive: true });
    const link = `${root}-link`;
    fs.symlinkSync(root, link);
    const escaped = Buffer.from(odd.replace("\\", "\\134").replaceAll(" ", "\\040")).toString("latin1");
    const lines = ["/", "/proc", root, `${root}-2/b`, `${root}/${escaped}`].map(
      (at) => `1 0 8:1 / ${at} rw - x y z`,
    );
    const { readFileSync, lstatSync } = fs;
    const mounted = {
      readFileSync: (at: string, ...rest: []) =>
        at === "/proc/self/mountinfo" ? `${lines.join("\n")}\n` : readFileSync(at, ...rest),
      lstatSync: (at: string, ...rest: []) =>
        Object.assign(lstatSync(at, ...rest), at.endsWith(odd) ? { dev: -1 } : {}),
    };
    await withFs(mounted, async () => {
      for (const place of [root, link])
        expect([...planSurvey(place, exclusionsOf({ oneFileSystem: true }))].sort()).toEqual([
          "a/x",
          "a/y",
          "b",
          "mnt",
        ]);
    }).finally(() => fs.unlinkSync(link));
  });

  it("goes into all of a folder where it would have too much to ask", () => {
    for (let i = 0; i < 101; i++) fs.mkdirSync(`${root}/b/${i}/left/out`, { recursive: true });
    const prefixes = Array.from({ length: 101 }, (_, i) => `b/${i}/left/out/`);
    expect(plan({ prefixes })).toEqual([""]);
    expect(plan({ prefixes: ["a/x/", ...prefixes] })).toEqual(["a/y", "b", "mnt"]);
  });

  it("goes into all of a folder of which a part cannot be given on a command line", () => {
    fs.mkdirSync(Buffer.concat([Buffer.from(`${root}/b/`), Buffer.of(0xff)]));
    expect(plan({ exclude: ["/b/none", "/a/x"] })).toEqual(["a/y", "b", "mnt"]);
    fs.mkdirSync(`${root}/b/none`);
    expect(plan({ exclude: ["/b/none", "/a/x"] })).toEqual(["a/y", "b", "mnt"]);
  });

  const canSet = (() => {
    const probe = fs.mkdtempSync(path.join(os.tmpdir(), "survey-plan-"));
    try {
      execFileSync("setfattr", ["-n", "user.k", "-v", "v", probe], { stdio: "ignore" });
      return true;
    } catch {
      return false;
    } finally {
      fs.rmdirSync(probe);
    }
  })();

  it.runIf(canSet)("finds what is where it goes; where it does not go, each folder is asked", async () => {
    for (const at of ["a/y", "mnt/nas/files"])
      execFileSync("setfattr", ["-n", "user.k", "-v", "v", `${root}/${at}`]);
    const survey = await surveyXattrs(root, ["a", "b"]);
    const asked = ["", "a", "a/x", "b", "b/below", "mnt", "mnt/nas"].filter((folder) =>
      survey.mayHaveSomeIn(folder),
    );
    expect(asked).toEqual(["", "a", "mnt", "mnt/nas"]);
    const nowhere = await surveyXattrs(root, []);
    expect([nowhere.available, nowhere.root, nowhere.mayHaveSomeIn("a")]).toEqual([true, true, true]);
  });

  it.runIf(canSet)("misses nothing of a folder that a file of rules takes back", async () => {
    execFileSync("setfattr", ["-n", "user.k", "-v", "v", `${root}/a/y`]);
    fs.writeFileSync(`${root}/a/y/file`, "content");
    execFileSync("setfattr", ["-n", "user.f", "-v", "v", `${root}/a/y/file`]);
    fs.writeFileSync(`${root}/a/.backupignore`, "!/y/\n");
    const source = new LocalSource(root, exclusionsOf({ exclude: ["/a/y/"] }), { metadata: true });
    const recorded: string[] = [];
    const findings = { onError() {}, onSkipped() {}, onNote() {} };
    for await (const batch of source.scan(findings))
      for (const { path: at, manifest } of batch)
        if (manifest !== undefined) recorded.push(`${at} ${manifest.text}`);
    const manifestOf = (folder: string) => recorded.find((one) => one.startsWith(`${folder}/.backup-meta`));
    expect(manifestOf("a/y")).toMatch(/user\.k.*user\.f/s);
  });
});
