/**
 * Every command and every flag: what it is called, what it takes, and what it comes to. A new command is an entry
 * in `COMMANDS` and its flags in `FLAGS`; parsing (options.ts) and help (help.ts) read these tables.
 */

import { parseSlow, STATS_FORMS, type StatsForm } from "./call-report.ts";

export const OVERWRITE = ["never", "if-newer", "always"] as const;
export type Overwrite = (typeof OVERWRITE)[number];

/** How a run tells of its calls to servers. */
export interface CallReporting {
  readonly stats: StatsForm | undefined;
  /** Milliseconds from which a call is told of. */
  readonly slow: number | undefined;
}

export type CommandLine =
  | (CallReporting & {
      readonly command: "backup";
      readonly config: string | undefined;
      readonly allowMassDelete: boolean;
      readonly dryRun: boolean;
      readonly json: boolean;
    })
  | (CallReporting & {
      readonly command: "prune";
      readonly config: string | undefined;
      readonly dryRun: boolean;
      readonly json: boolean;
    })
  | (CallReporting & {
      readonly command: "restore";
      readonly config: string | undefined;
      /** Paths, folders and globs; empty: everything. */
      readonly restoreOnly: readonly string[];
      readonly restoreDeleted: boolean;
      /** As written. */
      readonly at: string | undefined;
      /** The beginning of an md5 in hex. */
      readonly md5: string | undefined;
      readonly to: string | undefined;
      readonly stripPrefix: string | undefined;
      readonly dryRun: boolean;
      readonly overwrite: Overwrite;
      readonly checksum: boolean;
      /** Otherwise owners are restored as root only. */
      readonly owner: boolean;
      readonly setid: boolean;
    })
  | (CallReporting & { readonly command: "verify"; readonly config: string | undefined })
  | {
      readonly command: "decrypt";
      readonly config: string | undefined;
      readonly file: string;
      /** Undefined: standard output. */
      readonly output: string | undefined;
    }
  | { readonly command: "generate-salt" }
  | { readonly command: "help"; readonly text: string }
  | { readonly command: "version" };

export interface Flag {
  readonly name: string;
  /** A single letter that means the same: `-o`. */
  readonly short?: string;
  /** `switch`: takes no value; `one`: one value, after `=` alone where there is an `implied` one; `many`: one or more, and may be repeated. */
  readonly takes: "switch" | "one" | "many";
  /** The value of the flag without one. */
  readonly implied?: string;
  readonly describe: string;
  /** What the value is, for the help: `FILE`. */
  readonly value?: string;
  readonly choices?: readonly string[];
  readonly default?: string;
}

export const FLAGS = {
  config: {
    name: "config",
    takes: "one",
    value: "FILE",
    describe: "settings file (default: $BACKUP_CONFIG, else config.json if it is there)",
  },
  restore: { name: "restore", takes: "switch", describe: "restore; the same as the verb restore" },
  verify: { name: "verify", takes: "switch", describe: "verify; the same as the verb verify" },
  allowMassDelete: {
    name: "allow-mass-delete",
    takes: "switch",
    describe: "mark files as deleted even when the source is empty or has lost most of them",
  },
  dryRun: {
    name: "dry-run",
    takes: "switch",
    describe: "change nothing, and show what would be done",
  },
  json: { name: "json", takes: "switch", describe: "for programs: one JSON object per line" },
  restoreOnly: {
    name: "restore-only",
    takes: "many",
    value: "PATH...",
    describe: "restore only these files, folders or globs; may be repeated",
  },
  restoreDeleted: {
    name: "restore-deleted",
    takes: "switch",
    describe: "restore files marked as deleted, too",
  },
  at: {
    name: "at",
    takes: "one",
    value: "TIME",
    describe: "as it was then: a date, a date and time, or an age (3d, 2w)",
  },
  md5: {
    name: "md5",
    takes: "one",
    value: "HEX",
    describe: "the version whose md5 begins so; list --all-versions shows them",
  },
  to: { name: "to", takes: "one", value: "FOLDER", describe: "restore to this folder" },
  stripPrefix: {
    name: "strip-prefix",
    takes: "one",
    value: "FOLDER",
    describe: "only what lies in this folder of the backup, without the folder",
  },
  overwrite: {
    name: "overwrite",
    takes: "one",
    value: "WHEN",
    choices: OVERWRITE,
    default: "always",
    describe: "replace different files in the target: never, if-newer or always",
  },
  checksum: {
    name: "checksum",
    takes: "switch",
    describe: "compare files in the target by md5, not by size and time alone",
  },
  owner: {
    name: "owner",
    takes: "switch",
    describe: "restore owners and groups also when not root",
  },
  setid: {
    name: "setid",
    takes: "switch",
    describe: "restore setuid and setgid bits and file capabilities, too",
  },
  stats: {
    name: "stats",
    takes: "one",
    value: "FORM",
    implied: "table",
    choices: STATS_FORMS,
    describe: "tell at the end what calls to S3 cost: --stats, --stats=json or --stats=prometheus",
  },
  slow: {
    name: "slow",
    takes: "one",
    value: "TIME",
    describe: "tell of each call to S3 that takes longer, as it ends: 500ms, 2s",
  },
  output: { name: "output", short: "o", takes: "one", value: "OUT", describe: "write to this new file" },
  help: { name: "help", short: "h", takes: "switch", describe: "show this help, or that of one command" },
  version: { name: "version", takes: "switch", describe: "show the version" },
} as const satisfies Record<string, Flag>;

/** The flags as given: switches that are on, and the values of the others. */
export interface GivenFlags {
  has(flag: Flag): boolean;
  values(flag: Flag): readonly string[];
  /** The words that stand behind the verb, for commands that take some. */
  readonly operands: readonly string[];
}

export interface Command {
  readonly verb: string;
  readonly describe: string;
  /** The flag that chooses this command without a verb. */
  readonly flag?: Flag;
  readonly flags: readonly Flag[];
  /** What the words behind the verb are, where the command takes some: one, or with `many` any number. */
  readonly operands?: { readonly name: string; readonly many?: boolean; readonly needed?: boolean };
  build(given: GivenFlags): CommandLine;
}

const configOf = (given: GivenFlags) => given.values(FLAGS.config)[0];

function callReportingOf(given: GivenFlags): CallReporting {
  const [slow] = given.values(FLAGS.slow);
  return {
    stats: STATS_FORMS.find((form) => form === given.values(FLAGS.stats)[0]),
    slow: slow === undefined ? undefined : parseSlow(slow),
  };
}

export const COMMANDS: readonly Command[] = [
  {
    verb: "run",
    describe: "back up the source (what happens without a verb)",
    flags: [FLAGS.config, FLAGS.allowMassDelete, FLAGS.dryRun, FLAGS.json, FLAGS.stats, FLAGS.slow],
    build: (given) => ({
      command: "backup",
      config: configOf(given),
      allowMassDelete: given.has(FLAGS.allowMassDelete),
      dryRun: given.has(FLAGS.dryRun),
      json: given.has(FLAGS.json),
      ...callReportingOf(given),
    }),
  },
  {
    verb: "plan",
    describe: "show what a run would do; the same as run --dry-run",
    flags: [FLAGS.config, FLAGS.allowMassDelete, FLAGS.json, FLAGS.stats, FLAGS.slow],
    build: (given) => ({
      command: "backup",
      config: configOf(given),
      allowMassDelete: given.has(FLAGS.allowMassDelete),
      dryRun: true,
      json: given.has(FLAGS.json),
      ...callReportingOf(given),
    }),
  },
  {
    verb: "prune",
    describe: "remove what the rules of retention do not keep",
    flags: [FLAGS.config, FLAGS.dryRun, FLAGS.json, FLAGS.stats, FLAGS.slow],
    build: (given) => ({
      command: "prune",
      config: configOf(given),
      dryRun: given.has(FLAGS.dryRun),
      json: given.has(FLAGS.json),
      ...callReportingOf(given),
    }),
  },
  {
    verb: "restore",
    describe: "write the stored files back: all, or those at these paths",
    flag: FLAGS.restore,
    operands: { name: "PATH", many: true },
    flags: [
      FLAGS.config,
      FLAGS.restore,
      FLAGS.restoreOnly,
      FLAGS.restoreDeleted,
      FLAGS.at,
      FLAGS.md5,
      FLAGS.to,
      FLAGS.stripPrefix,
      FLAGS.dryRun,
      FLAGS.overwrite,
      FLAGS.checksum,
      FLAGS.owner,
      FLAGS.setid,
      FLAGS.stats,
      FLAGS.slow,
    ],
    build: (given) => ({
      command: "restore",
      config: configOf(given),
      restoreOnly: [...given.operands, ...given.values(FLAGS.restoreOnly)],
      restoreDeleted: given.has(FLAGS.restoreDeleted),
      at: given.values(FLAGS.at)[0],
      md5: given.values(FLAGS.md5)[0],
      to: given.values(FLAGS.to)[0],
      stripPrefix: given.values(FLAGS.stripPrefix)[0]?.replace(/^(?:\.?\/)+|\/+$/g, ""),
      dryRun: given.has(FLAGS.dryRun),
      overwrite:
        OVERWRITE.find((when) => when === given.values(FLAGS.overwrite)[0]) ?? FLAGS.overwrite.default,
      checksum: given.has(FLAGS.checksum),
      owner: given.has(FLAGS.owner),
      setid: given.has(FLAGS.setid),
      ...callReportingOf(given),
    }),
  },
  {
    verb: "verify",
    describe: "read every stored file and report what is damaged",
    flag: FLAGS.verify,
    flags: [FLAGS.config, FLAGS.verify, FLAGS.stats, FLAGS.slow],
    build: (given) => ({ command: "verify", config: configOf(given), ...callReportingOf(given) }),
  },
  {
    verb: "decrypt",
    describe: "open one stored object, wherever it lies; to standard output, or to a file with -o",
    flags: [FLAGS.config, FLAGS.output],
    operands: { name: "FILE", needed: true },
    build: (given) => ({
      command: "decrypt",
      config: configOf(given),
      file: given.operands[0] ?? "",
      output: given.values(FLAGS.output)[0],
    }),
  },
  {
    verb: "generate-salt",
    describe: "print a salt for the settings",
    flags: [],
    build: () => ({ command: "generate-salt" }),
  },
];
