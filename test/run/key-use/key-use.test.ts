/**
 * No key and nonce ever meet two different inputs (docs/format.md, section 7.1), over whole runs of the command: every
 * call of a cipher, in every thread of every process, is recorded and compared.
 */
import { spawn } from "node:child_process";
import { randomFillSync } from "node:crypto";
import * as fs from "node:fs";
import path from "node:path";
import { afterEach, expect, it } from "vitest";
import { COMMAND } from "../../built.ts";
import { LONG } from "../long.ts";
import { World } from "../world.ts";

const MIB = 2 ** 20;
let world: World;
afterEach(() => world.dispose());

/** Runs the command, as many times at once as there are configurations. */
async function run(configs: readonly string[], folder: string, ...flags: string[]): Promise<void> {
  const recorder = path.join(import.meta.dirname, "recorder.ts");
  const env = { ...process.env, KEY_USE_FOLDER: folder };
  const codes = configs.map(
    (config) =>
      new Promise<string>((resolve, reject) => {
        const args = ["--import", recorder, COMMAND, ...flags, "--config", config];
        const child = spawn(process.execPath, args, { env, stdio: ["ignore", "ignore", "pipe"] });
        let errors = "";
        child.stderr.on("data", (piece) => {
          errors += piece;
        });
        child.on("error", reject);
        child.on("close", (code) => resolve(`${code} ${errors}`));
      }),
  );
  expect(await Promise.all(codes)).toEqual(configs.map(() => "0 "));
}

it.each([
  ...(LONG ? ([["aes", {}]] as const) : []),
  ["cha", { versions_keep_days: 30 }],
  ["aes", { versions_keep_days: "forever", retire: "tombstone" }],
] as const)("every key and nonce of %s met one input only, with %j", async (encryption_type, settings) => {
  world = new World();
  const folder = world.at("uses");
  fs.mkdirSync(folder);
  const config = world.at("config.json");
  const given = {
    src: { local_path: world.src },
    dest: { local_path: world.dest },
    restore: { local_path: world.restored },
    container: "segmented",
    encrypt_filenames: true,
    encryption_password: "a password for tests",
    encryption_type,
    compression: "zstd",
    ...settings,
  };
  fs.writeFileSync(config, JSON.stringify(given), { mode: 0o600 });
  // A table of equal content under other settings: what is compressed otherwise must not share a key.
  const other = world.at("other.json");
  fs.writeFileSync(other, JSON.stringify({ ...given, compression: "gzip", zstd_level: 9 }), { mode: 0o600 });
  const image = Buffer.alloc(40 * MIB);
  randomFillSync(image, 0, 4 * MIB);
  const backup = () => run([config], folder);

  world.write("image", image);
  for (let i = 0; i < 30; i++) world.write(`small/${i % 4}/${i}`, `content ${i % 7} `.repeat(i * 30));
  await backup();
  await backup();
  image.write("appended", image.length - 8);
  for (let i = 0; i < 9; i++) image.write(`scattered ${i}`, i * 4 * MIB);
  world.write("image", image, 1);
  world.write("small/0/0", "content 0 changed", 1);
  await backup();
  world.write("image", Buffer.concat([Buffer.from("inserted"), image]), 2);
  fs.utimesSync(`${world.src}/small/1/1`, 1_700_000_000, 1_700_000_000);
  await backup();
  fs.renameSync(`${world.src}/image`, `${world.src}/moved`);
  fs.renameSync(`${world.src}/small/2/2`, `${world.src}/small/2/moved`);
  world.remove("small/3/3");
  await backup();
  fs.renameSync(`${world.src}/moved`, `${world.src}/image`);
  world.write("small/3/3", "content 3 ".repeat(90));
  await backup();
  // Two machines find the same changes, one with other settings.
  world.write("image", image, 3);
  world.write("small/0/0", "content of two runs", 5);
  await run([config, config, other], folder);
  await backup();
  await run([config], folder, "--verify");

  const inputs = new Map<string, string>();
  let uses = 0;
  for (const name of fs.readdirSync(folder)) {
    for (const line of fs.readFileSync(path.join(folder, name), "utf8").split("\n")) {
      if (line === "") continue;
      uses++;
      const [place = "", input = ""] = line.split("\t");
      if ((inputs.get(place) ?? input) !== input) {
        throw new Error(`a key and nonce met two inputs: ${place.slice(0, 24)} in ${name}`);
      }
      inputs.set(place, input);
    }
  }
  // The record is of something: blocks, trailers and names, and many of them made more than once.
  expect(inputs.size).toBeGreaterThan(300);
  expect(uses).toBeGreaterThan(inputs.size);
});
