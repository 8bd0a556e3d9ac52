/** What becomes of the password in a run: whom it is not told to. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import path from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, expect, it } from "vitest";
import { COMMAND } from "../built.ts";
import { configure, PASSWORD, start } from "./command.ts";
import { World } from "./world.ts";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.dispose());

it("is not waited for any longer once a signal came", async () => {
  // The signal was heard when the command had ended.
  const begun = world.at("begun");
  const config = configure(world, undefined, {
    encryption_password: null,
    encryption_password_command: `touch '${begun}'; exec sleep 1000`,
  });
  for (const verb of ["run", "list"]) {
    const { child, ended } = start(config, verb);
    while (!fs.existsSync(begun)) await setImmediate();
    child.kill("SIGTERM");
    expect(await ended).toMatchObject({ code: 143, errors: "" });
    fs.rmSync(begun);
  }
});

it("is in the environment of no command that a run starts", () => {
  // They inherited all of it.
  world.write("file", "content");
  const config = configure(world, undefined, { encryption_password: null, container: "segmented" });
  const tools = world.at("tools");
  fs.mkdirSync(tools);
  const log = world.at("log");
  for (const tool of ["getfattr", "setfattr", "perl", "touch", "sync"]) {
    const script = `#!/bin/sh\n{ echo "${tool}"; env; } >> '${log}'\nPATH=\${PATH#*:} exec ${tool} "$@"\n`;
    fs.writeFileSync(path.join(tools, tool), script, { mode: 0o755 });
  }
  for (const verb of ["run", "restore"]) {
    const { status } = spawnSync(process.execPath, [COMMAND, verb, "--config", config], {
      env: { PATH: `${tools}:${process.env.PATH}`, ENCRYPTION_PASSWORD: PASSWORD, HOME: "kept" },
    });
    expect(status).toBe(0);
  }
  const told = fs.readFileSync(log, "utf8");
  expect(told).toMatch(/^getfattr$/m);
  expect(told).toMatch(/^(?:perl|touch)$/m);
  expect(told).toMatch(/^HOME=kept$/m);
  expect(told).not.toContain(PASSWORD);
});
