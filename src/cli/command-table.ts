/**
 * Every command: its flags, and what it comes to. A new command is an entry in `COMMANDS`, its flags in flags.ts;
 * parsing (options.ts) and help (help.ts) read these tables.
 */
import { ConfigError } from "../errors.ts";
import { parseSlow, STATS_FORMS } from "./call-report.ts";
import { type CallReporting, type CommandLine, OVERWRITE } from "./command-line.ts";
import { FLAGS, type Flag } from "./flags.ts";

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
  const stats = STATS_FORMS.find((form) => form === given.values(FLAGS.stats)[0]);
  if (given.has(FLAGS.json) && stats !== undefined && stats !== "json") {
    throw new ConfigError(
      "--json goes with --stats=json: anything else is not for the program that reads it",
    );
  }
  return {
    stats,
    slow: slow === undefined ? undefined : parseSlow(slow),
  };
}

function bytesOf(given: GivenFlags, flag: Flag, usual: number): number {
  const [text] = given.values(flag);
  if (text === undefined) return usual;
  if (!/^\d{1,15}$/.test(text))
    throw new ConfigError("must be a number of bytes", { path: `--${flag.name}` });
  return Number(text);
}

function depthOf(given: GivenFlags): number {
  const [text = "1"] = given.values(FLAGS.depth);
  if (!/^[1-9]\d{0,2}$/.test(text))
    throw new ConfigError("must be a number from 1 to 999", { path: "--depth" });
  return Number(text);
}

export const COMMANDS: readonly Command[] = [
  {
    verb: "run",
    describe: "back up the source (what happens without a verb)",
    flags: [
      FLAGS.config,
      FLAGS.allowMassDelete,
      FLAGS.retireExcluded,
      FLAGS.dryRun,
      FLAGS.json,
      FLAGS.stats,
      FLAGS.slow,
    ],
    build: (given) => ({
      command: "backup",
      config: configOf(given),
      allowMassDelete: given.has(FLAGS.allowMassDelete),
      retireExcluded: given.has(FLAGS.retireExcluded),
      dryRun: given.has(FLAGS.dryRun),
      json: given.has(FLAGS.json),
      ...callReportingOf(given),
    }),
  },
  {
    verb: "plan",
    describe: "show what a run would do; the same as run --dry-run",
    flags: [FLAGS.config, FLAGS.allowMassDelete, FLAGS.retireExcluded, FLAGS.json, FLAGS.stats, FLAGS.slow],
    build: (given) => ({
      command: "backup",
      config: configOf(given),
      allowMassDelete: given.has(FLAGS.allowMassDelete),
      retireExcluded: given.has(FLAGS.retireExcluded),
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
      FLAGS.inPlace,
      FLAGS.delete,
      FLAGS.allowMassDelete,
      FLAGS.yes,
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
      at: given.values(FLAGS.at),
      md5: given.values(FLAGS.md5)[0],
      to: given.values(FLAGS.to)[0],
      stripPrefix: given.values(FLAGS.stripPrefix)[0]?.replace(/^(?:\.?\/)+|\/+$/g, ""),
      inPlace: given.has(FLAGS.inPlace),
      allowMassDelete: given.has(FLAGS.allowMassDelete),
      delete: given.has(FLAGS.delete),
      yes: given.has(FLAGS.yes),
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
    describe: "read every stored file, or those at these paths, and report what is damaged",
    flag: FLAGS.verify,
    operands: { name: "PATH", many: true },
    flags: [FLAGS.config, FLAGS.verify, FLAGS.at, FLAGS.stats, FLAGS.slow],
    build: (given) => ({
      command: "verify",
      config: configOf(given),
      paths: given.operands,
      at: given.values(FLAGS.at),
      ...callReportingOf(given),
    }),
  },
  {
    verb: "list",
    describe: "show the files that are stored, or the past of them",
    flags: [
      FLAGS.config,
      FLAGS.at,
      FLAGS.allVersions,
      FLAGS.deleted,
      FLAGS.source,
      FLAGS.explain,
      FLAGS.json,
    ],
    operands: { name: "PATH", many: true },
    build: (given) => ({
      command: "list",
      config: configOf(given),
      paths: given.operands,
      at: given.values(FLAGS.at),
      allVersions: given.has(FLAGS.allVersions),
      deleted: given.has(FLAGS.deleted),
      source: given.has(FLAGS.source) || given.has(FLAGS.explain),
      explain: given.values(FLAGS.explain)[0],
      json: given.has(FLAGS.json),
    }),
  },
  {
    verb: "find",
    describe: "show every version of the files whose name, or path, matches a glob",
    flags: [FLAGS.config, FLAGS.at, FLAGS.json],
    operands: { name: "PATTERN", many: true, needed: true },
    build: (given) => ({
      command: "find",
      config: configOf(given),
      patterns: given.operands,
      at: given.values(FLAGS.at),
      deleted: true,
      json: given.has(FLAGS.json),
    }),
  },
  {
    verb: "diff",
    describe: "show what changed since a moment, between two, or at the source since the last run",
    flags: [FLAGS.config, FLAGS.at, FLAGS.source, FLAGS.checksum, FLAGS.json],
    operands: { name: "PATH", many: true },
    build: (given) => ({
      command: "diff",
      config: configOf(given),
      paths: given.operands,
      at: given.values(FLAGS.at),
      source: given.has(FLAGS.source),
      checksum: given.has(FLAGS.checksum),
      json: given.has(FLAGS.json),
    }),
  },
  {
    verb: "stats",
    describe: "count files, versions and bytes, and what keeps them",
    flags: [FLAGS.config, FLAGS.depth, FLAGS.stored, FLAGS.json],
    operands: { name: "PATH", many: true },
    build: (given) => ({
      command: "stats",
      config: configOf(given),
      paths: given.operands,
      depth: depthOf(given),
      stored: given.has(FLAGS.stored),
      at: [],
      json: given.has(FLAGS.json),
    }),
  },
  {
    verb: "cat",
    describe: "write one stored file, or a part of it, to standard output",
    flags: [FLAGS.config, FLAGS.at, FLAGS.md5, FLAGS.deleted, FLAGS.offset, FLAGS.length],
    operands: { name: "PATH", needed: true },
    build: (given) => ({
      command: "cat",
      config: configOf(given),
      path: given.operands[0] ?? "",
      at: given.values(FLAGS.at),
      md5: given.values(FLAGS.md5)[0],
      deleted: given.has(FLAGS.deleted),
      offset: bytesOf(given, FLAGS.offset, 0),
      length: bytesOf(given, FLAGS.length, Number.MAX_SAFE_INTEGER),
    }),
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
    verb: "init",
    describe: "write a configuration, asking for what the flags do not say",
    flags: [FLAGS.config, FLAGS.src, FLAGS.dest, FLAGS.passwordFile],
    build: (given) => ({
      command: "init",
      config: configOf(given),
      src: given.values(FLAGS.src)[0],
      dest: given.values(FLAGS.dest)[0],
      passwordFile: given.values(FLAGS.passwordFile)[0],
    }),
  },
  {
    verb: "generate-salt",
    describe: "print a salt for the settings",
    flags: [],
    build: () => ({ command: "generate-salt" }),
  },
];
