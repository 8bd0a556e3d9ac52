/** What the image has to do; each check runs containers of its own, all checks side by side. */

import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Container } from "./container.ts";
import type { Image } from "./image-build.ts";

interface ImageCheck {
  /** A sentence. */
  readonly title: string;
  readonly check: (image: Image, scratch: string) => Promise<void>;
}

const PASSWORD = "correct horse battery staple 7f3a";
const EVERY_MINUTE = "* * * * *";
/** A minute to the next run, and a slow machine. */
const RUN_MS = 100_000;
const USER = 1000;
const BACKUP_ENV = {
  SRC_LOCAL_PATH: "/data/source",
  DEST_LOCAL_PATH: "/data/destination",
  ENCRYPTION_PASSWORD: PASSWORD,
};

export const imageChecks: readonly ImageCheck[] = [
  {
    title: "a command runs once, as the image's user, and its exit status is the container's",
    check: oneCommand,
  },
  { title: "flags alone are flags of the tool", check: flagsAlone },
  { title: "a bad CRONTAB or TZ stops the container at once and names the setting", check: badSettings },
  {
    title: "the schedule runs the tool with the container's settings, and others read no password",
    check: scheduled,
  },
  { title: "runs never overlap, and docker stop waits for the run to end cleanly", check: overlapAndStop },
  { title: "a failed run makes the container unhealthy, until one succeeds", check: unhealthy },
  { title: "the same crontab means the same to Debian's cron", check: debianCron },
];

async function oneCommand(image: Image, scratch: string): Promise<void> {
  assert.match(image.user, /^[1-9]\d*:[1-9]\d*$/, "the image's user must be a number, and not root");
  const id = new Container(image, { scratch, args: ["sh", "-c", "id -u; exit 7"] });
  assert.equal(await id.ended, 7);
  assert.equal(id.output.trim(), String(USER));
  const backup = new Container(image, { scratch, args: ["backup"], env: BACKUP_ENV, prepare: makeSource });
  assert.equal(await backup.ended, 0, backup.output);
  const verify = new Container(image, {
    scratch,
    args: ["backup", "--verify"],
    env: { DEST_LOCAL_PATH: "/nowhere" },
  });
  assert.notEqual(await verify.ended, 0, "the tool's failure is the container's");
}

async function flagsAlone(image: Image, scratch: string): Promise<void> {
  const version = new Container(image, { scratch, args: ["--version"], user: "4321:4321" });
  assert.equal(await version.ended, 0, version.output);
  assert.match(version.output, /^\d+\.\d+\.\d+/m);
}

async function badSettings(image: Image, scratch: string): Promise<void> {
  const bad = {
    CRONTAB: ["* * * *", "* * * * *\n* * * * * id", "* * * * * id", "61 * * * *"],
    TZ: ["Paris"],
  };
  for (const [name, values] of Object.entries(bad)) {
    for (const value of values) {
      const container = new Container(image, { scratch, env: { [name]: value } });
      assert.equal(await container.ended, 2, container.output);
      assert.match(container.output, new RegExp(`^schedule: ${name}`));
    }
  }
}

async function scheduled(image: Image, scratch: string): Promise<void> {
  const env = { ...BACKUP_ENV, CRONTAB: EVERY_MINUTE, TZ: "Asia/Kathmandu" };
  const container = new Container(image, { scratch, env, prepare: makeSource });
  await container.until(/schedule: line \d+ /, RUN_MS);
  assert.equal(health(image, container).status, 0, "healthy before the first run");
  await container.until(/schedule: line \d+: (finished|failed)/, RUN_MS);
  assert.match(container.output, /schedule: line \d+: finished/, container.output);
  assert.ok(filesOf(container.root).length > 0, "the run stored something where the environment said");
  assert.match(container.output, /^(?!.*schedule:).+$/m, "the tool's own lines are in the log");
  assert.equal(health(image, container).status, 0);
  assert.ok(!container.output.includes(PASSWORD), "the log shows the password");
  assertNobodyReads(container);
  assert.equal(await container.stop(), 0);
}

/** Looks through files, command lines and environments as a user of no importance; the pattern comes by stdin. */
function assertNobodyReads(container: Container): void {
  const places =
    "/app /backup /data /etc /home /opt /root /run /srv /tmp /usr/local /var /proc/[0-9]*/environ /proc/[0-9]*/cmdline";
  const search = [
    "sh",
    "-c",
    `grep --recursive --text --files-with-matches --no-messages --file=- ${places}`,
  ];
  const asRoot = container.exec(search, { user: "0:0", input: `${PASSWORD}\n` });
  assert.match(asRoot.output, /^\/proc\/1\/environ$/m, "the search itself must work");
  const found = asRoot.output.trim().split("\n");
  assert.ok(
    found.every((path) => /^\/proc\/\d+\/environ$/.test(path)),
    `the password is in ${found}`,
  );
  assert.equal(container.exec(search, { user: "65534:65534", input: `${PASSWORD}\n` }).output, "");
}

async function overlapAndStop(image: Image, scratch: string): Promise<void> {
  // Two jobs due every minute, one longer than that, and compound: what a shell leaves behind must be waited for.
  const slow = `trap 'sleep 1; echo cleaned; exit 143' TERM; echo begin; sleep 70 & wait; echo end`;
  const crontab = `$CRONTAB (${slow}); echo never alone\n$CRONTAB echo begin; echo end\n`;
  const prepare = (root: string): void => writeFileSync(join(root, "app/crontab"), crontab);
  const container = new Container(image, { scratch, env: { CRONTAB: EVERY_MINUTE }, prepare });
  await container.until(/(^begin$[\s\S]*^end$[\s\S]*){2}^begin$/m, 2 * RUN_MS);
  const events = container.output.split("\n").filter((line) => line === "begin" || line === "end");
  assert.equal(events.join(" "), "begin end begin end begin", container.output);
  assert.match(
    container.exec(["flock", "-n", "/run/backup/lock", "true"]).status.toString(),
    /^1$/,
    "lock is held",
  );
  assert.equal(await container.stop(), 0, container.output);
  assert.match(container.output, /SIGTERM: ending line 1\n[\s\S]*cleaned/);
}

async function unhealthy(image: Image, scratch: string): Promise<void> {
  const crontab = "$CRONTAB test -e /tmp/well\n";
  const prepare = (root: string): void => writeFileSync(join(root, "app/crontab"), crontab);
  const container = new Container(image, { scratch, env: { CRONTAB: EVERY_MINUTE }, prepare });
  await container.until(/line 1: failed \(status 1\)/, RUN_MS);
  const ill = health(image, container);
  assert.equal(ill.status, 1);
  assert.match(ill.output, /^unhealthy: line 1 finished \S+ with status 1; next due/);
  assert.equal(container.exec(["touch", "/tmp/well"]).status, 0);
  await container.until(/line 1: finished/, RUN_MS);
  assert.equal(health(image, container).status, 0);
  assert.equal(await container.stop(), 0);
}

async function debianCron(image: Image, scratch: string): Promise<void> {
  const print = new Container(image, {
    scratch,
    args: ["schedule", "--print"],
    env: { CRONTAB: EVERY_MINUTE },
  });
  assert.equal(await print.ended, 0);
  // cron gives its jobs no environment, so here the settings lie in a file of the user's own.
  const prepare = (root: string): void => {
    makeSource(root);
    const config = {
      src: { local_path: BACKUP_ENV.SRC_LOCAL_PATH },
      dest: { local_path: BACKUP_ENV.DEST_LOCAL_PATH },
      encryption_password: PASSWORD,
    };
    const file = join(root, "home/node/config.json");
    writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
    chownSync(file, USER, USER);
    writeFileSync(join(root, "tmp/crontab"), print.output);
  };
  const install =
    "apt-get update && apt-get install --yes --no-install-recommends cron && crontab -u node /tmp/crontab";
  const container = new Container(image, {
    scratch,
    user: "0:0",
    prepare,
    entrypoint: [
      "tini",
      "--",
      "sh",
      "-c",
      `(${install}) >/tmp/install.log 2>&1 && echo installed && exec cron -f`,
    ],
    args: [],
  });
  await container.until(/installed/, RUN_MS);
  const end = Date.now() + RUN_MS;
  while (filesOf(container.root).length === 0 && Date.now() < end)
    await new Promise((next) => setTimeout(next, 200));
  const processes = container.exec(["sh", "-c", "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"], {
    user: "0:0",
  }).output;
  assert.ok(filesOf(container.root).length > 0, `Debian's cron ran no job; running: ${processes}`);
  await container.stop();
}

function health(image: Image, container: Container): { status: number; output: string } {
  return container.exec(image.healthcheck);
}

function makeSource(root: string): void {
  for (const name of ["data", "data/source", "data/destination"]) {
    mkdirSync(join(root, name));
    chmodSync(join(root, name), 0o755);
    chownSync(join(root, name), USER, USER);
  }
  writeFileSync(join(root, "data/source/file.txt"), "hello");
}

/** The objects that a backup left, hidden (unfinished) ones not counted. */
function filesOf(root: string): string[] {
  return readdirSync(join(root, "data/destination")).filter((name) => !name.startsWith("."));
}
