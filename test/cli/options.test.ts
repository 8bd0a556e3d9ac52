import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { choiceOf } from "../../src/cli/choices.ts";
import { saltText } from "../../src/cli/generate-salt.ts";
import { parseCommandLine } from "../../src/cli/options.ts";
import { ConfigError } from "../../src/errors.ts";

const words = (line: string) => line.split(" ").filter((word) => word !== "");
const parse = (line: string) => parseCommandLine(words(line));

const backup = {
  command: "backup",
  config: undefined,
  allowMassDelete: false,
  retireExcluded: false,
  dryRun: false,
  json: false,
};
const restore = {
  command: "restore",
  config: undefined,
  restoreOnly: [],
  restoreDeleted: false,
  at: [],
  md5: undefined,
  to: undefined,
  stripPrefix: undefined,
  inPlace: false,
  allowMassDelete: false,
  delete: false,
  yes: false,
  dryRun: false,
  overwrite: "always",
  checksum: false,
  owner: false,
  setid: false,
};
const verify = { command: "verify", config: undefined, paths: [], at: [] };

describe("the command line", () => {
  it.each([
    ["", backup],
    ["run", backup],
    ["--", backup],
    ["--config x.json", { ...backup, config: "x.json" }],
    ["run --config=x.json --allow-mass-delete", { ...backup, config: "x.json", allowMassDelete: true }],
    ["--config a --config a", { ...backup, config: "a" }],
    ["--restore", restore],
    ["restore", restore],
    ["restore --restore", restore],
    ["--restore --restore", restore],
    ["restore --owner --setid", { ...restore, owner: true, setid: true }],
    ["restore --overwrite if-newer --checksum", { ...restore, overwrite: "if-newer", checksum: true }],
    ["--restore --restore-deleted", { ...restore, restoreDeleted: true }],
    ["--restore --restore-only a --restore-only b", { ...restore, restoreOnly: ["a", "b"] }],
    ["--restore-only a b --restore", { ...restore, restoreOnly: ["a", "b"] }],
    ["--restore --restore-only 007 1e3 true", { ...restore, restoreOnly: ["007", "1e3", "true"] }],
    [
      "--restore --restore-only=-x --restore-only=--restore",
      { ...restore, restoreOnly: ["-x", "--restore"] },
    ],
    ["--restore --restore-only=a=b", { ...restore, restoreOnly: ["a=b"] }],
    ["restore a b*", { ...restore, restoreOnly: ["a", "b*"] }],
    ["restore a --restore-only b", { ...restore, restoreOnly: ["a", "b"] }],
    ["restore --at 3d --dry-run", { ...restore, at: ["3d"], dryRun: true }],
    ["restore a --version 0123", { ...restore, restoreOnly: ["a"], md5: "0123" }],
    ["restore a --version=0123 --to x", { ...restore, restoreOnly: ["a"], md5: "0123", to: "x" }],
    ["restore --strip-prefix ./a/b/", { ...restore, stripPrefix: "a/b" }],
    ["--verify", verify],
    ["verify --config x", { ...verify, config: "x" }],
    ["--stats", { ...backup, stats: "table" }],
    ["--stats=json --slow 500ms", { ...backup, stats: "json", slow: 500 }],
    ["verify --stats --slow=1.5s", { ...verify, stats: "table", slow: 1500 }],
    ["restore --stats=prometheus", { ...restore, stats: "prometheus" }],
    ["generate-salt", { command: "generate-salt" }],
    // These printed the version of this tool, and restored nothing.
    ["--restore --version 0123", { ...restore, md5: "0123" }],
    ["--version 0123 --restore", { ...restore, md5: "0123" }],
    ["--config c restore --version 0123", { ...restore, config: "c", md5: "0123" }],
    ["--version", { command: "version" }],
    ["--config c --version", { command: "version" }],
    ["--unknown --version", { command: "version" }],
  ])("%j means what it says", async (line, expected) => {
    expect(await parse(line)).toEqual(expected);
  });

  it("keeps quotes, spaces and line breaks in a path", async () => {
    const odd = ['"quoted"', "'", " a b ", "a\nb", "__proto__", "ü"];
    expect(await parseCommandLine(["restore", "--restore-only", ...odd])).toMatchObject({ restoreOnly: odd });
  });

  it.each([
    ["--conf x --ver", { command: "verify" }, false],
    ["--conf x --veri", { command: "verify" }, true],
    ["--restore --restore-o a", { command: "restore" }, true],
    ["--restore --restore-d", { command: "restore" }, true],
    ["--rest", {}, false],
  ])("takes prefixes of long flags when they can mean one thing: %j", async (line, expected, clear) => {
    if (clear) expect(await parse(line)).toMatchObject(expected);
    else await expect(parse(line)).rejects.toThrow(/can mean --\S+ or --/);
  });

  it.each([
    ["--restore --verify", /exclude each other/],
    ["verify --restore", /exclude each other/],
    ["run --restore", /exclude each other/],
    ["restore --verify", /exclude each other/],
    ["--restore-only a", /--restore-only belongs to restore/],
    ["--restore-deleted", /--restore-deleted belongs to restore/],
    ["--overwrite never", /--overwrite belongs to restore/],
    ["--stats json", /"json"/],
    ["--version=0123", /--md5 belongs to restore, cat, not to run/],
    // A table stood between the objects.
    ["--json --stats", /--json goes with --stats=json/],
    ["prune --json --stats=prometheus", /--json goes with --stats=json/],
    ["--stats=xml", /--stats must be table, json, prometheus/],
    ["--slow", /--slow needs a value/],
    ["--slow 500", /--slow needs a time/],
    ["generate-salt --stats", /--stats belongs to run/],
    ["--checksum", /--checksum belongs to restore/],
    ["--verify --restore-only a", /not to verify/],
    ["--verify --checksum", /not to verify/],
    ["--verify --allow-mass-delete", /--allow-mass-delete belongs to run/],
    ["generate-salt --config x", /not to generate-salt/],
    ["--restor-only a --restore", /did you mean --restore-only\?/],
    ["--verfy", /did you mean --verify\?/],
    ["--quiet", /unknown flag "--quiet"/],
    ["-v", /flags begin with --/],
    ["--no-restore", /unknown flag/],
    ["--restore=false", /takes no value/],
    ["restor", /did you mean restore\?/],
    ["backup", /unknown verb "backup"/],
    ["run now", /"now" stands alone/],
    ["--restore x", /unknown verb "x"/],
    ["--config", /--config needs a value/],
    ["--config=", /--config needs a value/],
    ["--config --restore", /--config needs a value/],
    ["--config a --config b", /--config is given twice/],
    ["--restore --restore-only", /--restore-only needs a value/],
    ["--restore --restore-only=", /--restore-only needs a value/],
    ["--restore --restore-only a --restore-only", /--restore-only needs a value/],
    ["restore --overwrite sometimes", /never, if-newer, always/],
    ["restore --overwrite never --overwrite always", /given twice/],
  ])("%j is an error, never a backup", async (line, message) => {
    await expect(parse(line)).rejects.toThrow(message);
    await expect(parse(line)).rejects.toBeInstanceOf(ConfigError);
  });

  it("an empty path among others is an error", async () => {
    await expect(parseCommandLine(["restore", "--restore-only", "a", ""])).rejects.toThrow(/needs a value/);
    await expect(parseCommandLine(["restore", "--restore-only", ""])).rejects.toThrow(/needs a value/);
  });

  it("an unknown flag's value shows in no message", async () => {
    for (const line of ["--encryption-password=hunter2", "--encryption-password hunter2"]) {
      await expect(parse(line)).rejects.toThrow(/^((?!hunter2).)*$/s);
    }
  });

  it("reports all that is wrong, a line each", async () => {
    await expect(parse("--wrong --restore=1 --config=")).rejects.toThrow(
      /^.*wrong.*\n.*no value.*\n.*FILE\)$/,
    );
  });
});

describe("the help", () => {
  it("names every verb, flag and exit code", async () => {
    const help = await parse("--help");
    const text = help.command === "help" ? help.text : "";
    const known =
      "run restore verify generate-salt --config --restore-only --restore-deleted --overwrite --checksum --owner --setid";
    for (const word of words(`${known} --allow-mass-delete --help --version 129, 130, 143`))
      expect(text).toContain(word);
    for (const code of [0, 1, 2, 3, 4, 5]) expect(text).toMatch(new RegExp(`^ +${code}  `, "m"));
  });

  it("told the choices of a flag once for each command that has it, every time", async () => {
    const help = await parse("--help");
    const text = help.command === "help" ? help.text : "";
    expect(text).not.toMatch(/"prometheus", *\s/);
    expect(text.match(/\[choices: "table", "json", "prometheus"\]/g)?.length).toBeGreaterThan(1);
  });

  it("and what is refused call the flag for a version by the same name", async () => {
    const help = await parse("cat --help");
    expect(help).toMatchObject({ text: expect.stringMatching(/--md5 .*--version HEX/s) });
    const choose = (md5: string) => choiceOf({ at: [], md5 }, false);
    expect(() => choose("zz")).toThrow(expect.objectContaining({ path: "--md5" }));
    expect(await parse("cat a --version=0123")).toEqual(await parse("cat a --md5=0123"));
  });

  it.each(["-h", "--help --unknown", "--he"])("is shown for %j", async (line) => {
    expect(await parse(line)).toMatchObject({ command: "help" });
  });

  it("of one command shows the flags of that one", async () => {
    const help = await parse("verify --help");
    expect(help).toMatchObject({ command: "help", text: expect.stringContaining("--config") });
    expect(help).toMatchObject({ text: expect.not.stringContaining("--overwrite") });
  });
});

describe("a generated salt", () => {
  it("is printed for the file and for the environment", () => {
    const text = saltText(Uint8Array.from({ length: 16 }, (_, i) => i * 16));
    expect(text).toContain('"encryption_salt": "00102030405060708090a0b0c0d0e0f0"');
    expect(text).toContain("ENCRYPTION_SALT=00102030405060708090a0b0c0d0e0f0\n");
  });

  it("differs from run to run", () => {
    const script = new URL("../../generate-salt.ts", import.meta.url).pathname;
    const print = () => execFileSync(process.execPath, [script], { encoding: "utf8" });
    const first = print();
    expect(first).toMatch(/ENCRYPTION_SALT=[0-9a-f]{32}\n$/);
    expect(print()).not.toBe(first);
  });
});

describe("decrypt", () => {
  it("takes one file and where to write it", async () => {
    expect(await parseCommandLine(["decrypt", "object.enc", "-o", "out"])).toEqual({
      command: "decrypt",
      config: undefined,
      file: "object.enc",
      output: "out",
    });
    expect(await parseCommandLine(["decrypt", "object.enc"])).toMatchObject({ output: undefined });
  });

  it.each([
    [["decrypt"], "needs a FILE"],
    [["decrypt", "one", "two"], "two"],
    [["prune", "one"], "stands alone"],
    [["verify", "-o", "out"], "--output belongs to decrypt"],
    [["decrypt", "one", "-x"], "unknown flag"],
  ])("refuses %j", async (argv, message) => {
    await expect(parseCommandLine(argv)).rejects.toThrow(message);
  });
});
