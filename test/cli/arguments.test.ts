/** Arguments that are not UTF-8. Node gives none to a process that it starts: a shell has to. */
import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { expect, it } from "vitest";
import { COMMAND } from "../built.ts";
import { configure } from "../run/command.ts";
import { backup, clean, World } from "../run/world.ts";

it("name files, by their bytes, and no folder with other bytes in its name", async () => {
  const world = new World();
  try {
    // macOS has no such names.
    if (process.platform === "darwin") return;
    execFileSync("sh", ["-c", `printf "of \\351t\\351" > "$(printf "${world.src}/\\351t\\351")"`]);
    const settings = { container: "segmented", encrypt: false } as const;
    await clean(backup(world.config({ ...settings })));
    const config = configure(world, undefined, settings);
    const run = (words: string) => {
      const line = `cd ${world.root} && exec "$0" "$1" --config "$2" ${words}`;
      const { status, stdout, stderr } = spawnSync("sh", ["-c", line, process.execPath, COMMAND, config]);
      return { status, stdout: stdout.toString("latin1"), stderr: stderr.toString() };
    };
    const name = `"$(printf "\\351t\\351")"`;
    expect(run(`cat ${name}`)).toEqual({ status: 0, stdout: "of \u00e9t\u00e9", stderr: "" });
    const refused = run(`restore --to ${name}`);
    expect([refused.status, refused.stderr]).toEqual([
      2,
      "error: config: \\xe9t\\xe9: is not UTF-8 (give a path that is: a link to it, for one)\n",
    ]);
    expect(fs.readdirSync(world.root).sort()).toEqual(["config.json", "dest", "src"]);
  } finally {
    world.dispose();
  }
});
