import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseEnv } from "node:util";
import { describe, expect, it } from "vitest";
import {
  allVariables,
  STORAGE_KEYS,
  STORAGES,
  storageVariables,
  TOP_KEYS,
  topVariable,
} from "../../src/config/keys.ts";
import { type LoadedConfig, loadConfig } from "../../src/config/load.ts";
import { folder, SECRET } from "./loading.ts";

const root = new URL("../..", import.meta.url).pathname;

async function loadExample(name: string): Promise<LoadedConfig> {
  const env: NodeJS.ProcessEnv = {};
  let file: string | undefined = join(root, name);
  if (name.endsWith(".env")) {
    Object.assign(env, parseEnv(readFileSync(file, "utf8")));
    file = undefined;
  } else {
    const settings = JSON.parse(readFileSync(file, "utf8")) as Record<string, unknown>;
    // Their passwords lie elsewhere; any will do.
    if (!("encryption_password" in settings)) env.ENCRYPTION_PASSWORD = SECRET;
  }
  const mode = name.includes("restore-into") ? "restore" : "backup";
  return loadConfig({ file, env, cwd: dirname(folder), mode, tmpdir: "/the/tmp" });
}

describe("the shipped examples", () => {
  const names = [
    "config.json.example",
    ...readdirSync(join(root, "examples")).map((name) => `examples/${name}`),
  ];

  it.each(names.filter((name) => !name.endsWith(".md")))("%s is valid", async (name) => {
    const { config, warnings } = await loadExample(name);
    expect(config.encrypt).toBe(true);
    expect(warnings.filter((warning) => !/chmod|example/.test(warning))).toEqual([]);
  });

  it("back up what is there from a fresh clone", async () => {
    const { config } = await loadExample("config.json.example");
    expect(config).toMatchObject({
      src: { path: "docs" },
      dest: { path: "my-backup" },
      restore: { path: "restored" },
    });
  });
});

it("the password of the example is pointed out", async () => {
  const loaded = await loadExample("config.json.example");
  expect(loaded.warnings.join("\n")).toMatch(/is the one of the example/);
});

describe("docs/configuration.md", () => {
  const text = readFileSync(join(root, "docs", "configuration.md"), "utf8");

  it("has every key in its tables, with its variable", () => {
    for (const key of TOP_KEYS) expect(text).toContain(`| \`${key}\` | \`${topVariable(key)}\` |`);
    for (const key of STORAGE_KEYS)
      expect(text).toContain(`| \`${key}\` | \`${storageVariables("src", key)[0]}\` |`);
    for (const storage of STORAGES) expect(text).toContain(`\`${storage}\``);
  });

  it("names no variable that is not read", () => {
    const known = new Set(allVariables());
    const named = text.match(/\b(?:BACKUP|SRC|DEST|RESTORE)_[A-Z0-9_]+\b/g) ?? [];
    expect(named.filter((name) => !known.has(name) && !name.endsWith("_"))).toEqual([]);
  });
});
