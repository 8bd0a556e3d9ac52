/** Loading settings from a file and an environment, as the tests of src/config do. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import { type LoadOptions, loadConfig } from "../../src/config/load.ts";
import { ConfigError, reportOf } from "../../src/errors.ts";

/** For what a test needs. */
export const folder = mkdtempSync(join(tmpdir(), "config-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Every secret of these tests contains this; no message may. */
export const SECRET = "hush-hush";
export const PLACES = { src: { local_path: "from" }, dest: { local_path: "to" } };
export const BASE = { ...PLACES, encryption_password: SECRET };
export const S3 = { s3_bucket: "bucket", aws_access_key_id: "id", aws_secret_access_key: SECRET };

let count = 0;
/** Loads settings from a file (JSON text, or a value to be written as such) and an environment. */
export async function load(file: unknown, env: NodeJS.ProcessEnv = {}, options: Partial<LoadOptions> = {}) {
  const cwd = join(folder, `run${count++}`);
  mkdirSync(cwd);
  if (file !== undefined) {
    const text = typeof file === "string" || Buffer.isBuffer(file) ? file : JSON.stringify(file);
    writeFileSync(join(cwd, "config.json"), text, { mode: 0o600 });
  }
  const all: LoadOptions = { file: undefined, env, cwd, mode: "backup", tmpdir: "/the/tmp", ...options };
  try {
    const loaded = await loadConfig(all);
    expect(`${loaded.warnings.join("\n")}${loaded.summary}`).not.toContain(SECRET);
    return loaded;
  } catch (error) {
    if (!options.signal?.aborted) expect(error).toBeInstanceOf(ConfigError);
    expect(JSON.stringify(reportOf(error, "internal"))).not.toContain(SECRET);
    expect(String((error as Error).stack)).not.toContain(SECRET);
    throw error;
  }
}
export const configOf = async (...args: Parameters<typeof load>) => (await load(...args)).config;
export const warningsOf = async (...args: Parameters<typeof load>) =>
  (await load(...args)).warnings.join("\n");
