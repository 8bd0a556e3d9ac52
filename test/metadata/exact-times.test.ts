import { spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ExactTimes } from "../../src/metadata/exact-times.ts";

let root: string;
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), "backup-exact-times-"));
  fs.writeFileSync(path.join(root, "file"), "");
});
afterEach(() => fs.rmSync(root, { recursive: true }));

const timeOf = (name: string) => fs.lstatSync(path.join(root, name), { bigint: true }).mtimeNs;

describe("exact times", () => {
  it("are set to the nanosecond, in the order given", async () => {
    const times = new ExactTimes(root);
    expect(times.exact).toBe(true);
    await times.set("file", 1, 2);
    await times.set("file", -1, 5);
    await times.set("", 1_700_000_000, 123_456_789);
    expect(await times.finish()).toEqual([]);
    expect([timeOf("file"), timeOf("")]).toEqual([-999_999_995n, 1_700_000_000_123_456_789n]);
  });

  it("say which file they could not be set of, and set the others", async () => {
    const times = new ExactTimes(root);
    await times.set("missing", 1, 2);
    await times.set("file", 1, 2);
    const complaints = await times.finish();
    expect(complaints).toEqual([expect.stringContaining("missing")]);
    expect(timeOf("file")).toBe(1_000_000_002n);
  });

  // A restore that was interrupted between two files waited for its helper, which waited for more.
  it("keep no process from ending once they are abandoned", async () => {
    const script = `
      const { ExactTimes } = await import(${JSON.stringify(new URL("../../src/metadata/exact-times.ts", import.meta.url).href)});
      const times = new ExactTimes(process.argv[1]);
      await times.set("file", 1, 2);
      times.abandon();`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script, root], { timeout: 60_000 });
    const [code, signal] = await once(child, "close");
    expect([code, signal]).toEqual([0, null]);
  });
});
