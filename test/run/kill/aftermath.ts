/** What has to be true of a destination after a run was killed. */

import { createHash } from "node:crypto";
import { expect } from "vitest";
import type { Config } from "../../../src/config/config.ts";
import { isLive, parseStoredName } from "../../../src/names/stored-name.ts";
import { chooseLife } from "../../../src/plan/choice.ts";
import type { Version } from "../../../src/plan/group.ts";
import { historyOf } from "../../../src/plan/history.ts";
import { withStoredTimes } from "../../../src/run/destination/stored-groups.ts";
import { openKeys, type RunKeys } from "../../../src/run/object/keys.ts";
import {
  type OpenContext,
  opensWhole,
  readOriginal,
  streamOriginal,
} from "../../../src/run/object/open-object.ts";
import type { Storage } from "../../../src/storage/storage.ts";
import { type Expectation, MOVES } from "./scenario.ts";

let keys: RunKeys | undefined;

/**
 * Every object is what its name says, and for every path what a restore would take is its old or its new content.
 * `when` says after which kill, for the message.
 */
export async function expectRestorable(
  storage: Storage,
  config: Config,
  expected: readonly Expectation[],
  when: string,
): Promise<void> {
  keys ??= await openKeys(config); // one for all, so that keys are derived once
  const context: OpenContext = {
    destination: storage,
    config,
    keys,
    signal: new AbortController().signal,
  };
  const versions = new Map<string, Version[]>();
  const contents = new Map<string, string>();
  for await (const objects of storage.list()) {
    for (const { key, modified } of objects) {
      const version = parseStoredName(key);
      if (version === undefined) throw new Error(`${when}: ${key} is no stored name`);
      contents.set(key, await originalMd5(version, context)); // throws where the name lies
      const storedAt = modified === undefined ? {} : { storedAt: modified };
      versions.set(version.path, [...(versions.get(version.path) ?? []), { ...version, ...storedAt }]);
    }
  }
  const shown = new Map<string, string>();
  for (const { path, contents: allowed, required, live } of expected) {
    const group = await withStoredTimes({ path, versions: versions.get(path) ?? [] }, storage, (report) => {
      throw new Error(`${when}: ${report.message}`);
    });
    const current = chooseLife(historyOf(group?.versions ?? []), { deleted: true })?.version;
    if (current === undefined) {
      expect(required, `${when}: ${path} is lost`).toBe(false);
      continue;
    }
    const content = contents.get(current.key) as string;
    shown.set(path, content);
    expect(allowed, `${when}: ${path} has a content of neither state`).toContain(content);
    if (live) expect(isLive(current), `${when}: ${path} is marked deleted`).toBe(true);
  }
  for (const [from, to] of MOVES) {
    expect(shown.has(from) || shown.has(to), `${when}: ${from} is lost on its way to ${to}`).toBe(true);
  }
}

async function originalMd5(version: Version, context: OpenContext): Promise<string> {
  const digest = createHash("md5");
  if (opensWhole(version)) digest.update(await readOriginal(version, context));
  else for await (const piece of streamOriginal(version, context)) digest.update(piece);
  return digest.digest("hex");
}
