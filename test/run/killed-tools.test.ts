/** The programs that read and set metadata may be killed in the midst of it, where memory is short: nothing is lost in silence. */
import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import * as path from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { backup, clean, restore, World } from "./world.ts";

const KILLED = "#!/bin/sh\nkill -9 $$\n";
/** Answers when it is asked whether it works. */
const KILLED_AT_WORK = '#!/bin/sh\n[ "$1 $2" = "-e 1" ] && exit 0\nkill -9 $$\n';

let world: World;
let tools: string | undefined;
beforeEach(() => {
  world = new World();
  tools = process.env.PATH;
  world.write("a", "a");
  fs.mkdirSync(world.at("bin"));
});
afterEach(() => {
  process.env.PATH = tools;
  world.dispose();
});

const settings = () => world.config({ container: "segmented", metadata: true, encrypt: false });

function replaceTool(name: string, script: string): void {
  fs.writeFileSync(world.at(`bin/${name}`), script, { mode: 0o755 });
  process.env.PATH = `${world.at("bin")}:${tools}`;
}

const giveAttribute = () =>
  spawnSync("setfattr", ["-n", "user.k", "-v", "v", path.join(world.src, "a")]).status === 0;
const attributeOf = (file: string) =>
  execFileSync("getfattr", ["--absolute-names", "--only-values", "-n", "user.k", file], { encoding: "utf8" });

describe("extended attributes", () => {
  it("stay in the backup where the walk that looks for them is killed", async ({ skip }) => {
    if (!giveAttribute()) skip("no setfattr, or no attributes here");
    await clean(backup(settings()));
    world.write("b", "b");
    replaceTool("getfattr", `#!/bin/sh\n[ "$1" = -R ] && kill -9 $$\nPATH='${tools}' exec getfattr "$@"\n`);
    await clean(backup(settings()));
    await clean(restore(settings()));
    expect(attributeOf(path.join(world.restored, "a"))).toBe("v");
  });

  it("stay in the backup where reading them is killed, and it says so", async ({ skip }) => {
    if (!giveAttribute()) skip("no setfattr, or no attributes here");
    await clean(backup(settings()));
    world.write("b", "b");
    replaceTool("getfattr", KILLED);
    const { outcomes, told } = await backup(settings());
    expect(outcomes).toMatchObject({ new: 1 });
    expect(told.errors.map(({ message }) => message).join()).toContain("getfattr");
    process.env.PATH = tools;
    await restore(settings());
    expect(attributeOf(path.join(world.restored, "a"))).toBe("v");
  });

  it("are missed aloud where they are too many to be recorded", async () => {
    replaceTool("getfattr", "#!/bin/sh\necho '# file: a'\necho \"user.k=0x$(printf %01600000d 0)\"\n");
    const { told } = await backup(settings());
    expect(told.infos).toContain(
      "a: its extended attributes are not recorded, since they are more than 768 KiB",
    );
  });

  it("are missed aloud where setting them is killed", async ({ skip }) => {
    if (!giveAttribute()) skip("no setfattr, or no attributes here");
    await clean(backup(settings()));
    replaceTool("setfattr", KILLED);
    const { told } = await restore(settings());
    expect(told.errors.map(({ message }) => message)).toEqual([
      "metadata: setfattr was ended by SIGKILL: not all extended attributes are set",
    ]);
  });
});

it("times that could not be set are missed aloud", async () => {
  await clean(backup(settings()));
  replaceTool("perl", KILLED_AT_WORK);
  const { told } = await restore(settings());
  const messages = told.errors.map(({ message }) => message);
  expect(messages).toEqual(["metadata: perl was ended by SIGKILL: not all times are set"]);
});
