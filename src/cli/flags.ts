/** Every flag: what it is called, and what it takes. */
import { STATS_FORMS } from "./call-report.ts";
import { OVERWRITE } from "./command-line.ts";

export interface Flag {
  readonly name: string;
  /** A single letter that means the same: `-o`. */
  readonly short?: string;
  /** `switch`: takes no value; `one`: one value, after `=` alone where there is an `implied` one; `many`: one or more, and may be repeated. */
  readonly takes: "switch" | "one" | "many";
  /** May be given more than once, with different values. */
  readonly repeats?: boolean;
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
    describe:
      "mark files as deleted even when the source is empty or has lost most of them; restore --delete: remove most files of the source",
  },
  retireExcluded: {
    name: "retire-excluded",
    takes: "switch",
    describe: "treat stored files that are excluded now like deleted ones; otherwise they stay as they are",
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
    repeats: true,
    value: "TIME",
    describe: "as it was then: a date, a date and time, or an age (3d, 2w)",
  },
  md5: {
    name: "md5",
    takes: "one",
    value: "HEX",
    describe: "the version whose md5 begins so; list --all-versions shows them (--version HEX is the same)",
  },
  to: { name: "to", takes: "one", value: "FOLDER", describe: "restore to this folder" },
  stripPrefix: {
    name: "strip-prefix",
    takes: "one",
    value: "FOLDER",
    describe: "only what lies in this folder of the backup, without the folder",
  },
  allVersions: {
    name: "all-versions",
    takes: "switch",
    describe: "every version of a file, with the time in which it was live",
  },
  deleted: { name: "deleted", takes: "switch", describe: "deleted files too, each as it was last" },
  source: {
    name: "source",
    takes: "switch",
    describe: "diff: compare with the source as it is now; list: what a run would consider",
  },
  explain: {
    name: "explain",
    takes: "one",
    value: "PATH",
    describe: "why this path of the source would be stored, or not",
  },
  depth: {
    name: "depth",
    takes: "one",
    value: "LEVELS",
    describe: "tell folders apart so many levels deep (default: 1)",
  },
  stored: {
    name: "stored",
    takes: "switch",
    describe: "also the bytes that objects take; in a folder that is a look at each",
  },
  src: {
    name: "src",
    takes: "one",
    value: "PLACE",
    describe: "what to back up: a folder, or s3://bucket/path",
  },
  dest: { name: "dest", takes: "one", value: "PLACE", describe: "where to: a folder, or s3://bucket/path" },
  passwordFile: {
    name: "password-file",
    takes: "one",
    value: "FILE",
    describe: "holds the password; if it is not there, one is made with a random password",
  },
  offset: { name: "offset", takes: "one", value: "BYTES", describe: "begin here" },
  length: { name: "length", takes: "one", value: "BYTES", describe: "so many at most" },
  inPlace: {
    name: "in-place",
    takes: "switch",
    describe: "onto the source itself, only what differs; shows what it would do and asks first",
  },
  delete: {
    name: "delete",
    takes: "switch",
    describe: "with --in-place: remove files that were not there",
  },
  yes: { name: "yes", takes: "switch", describe: "with --in-place: do not ask" },
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
    describe: "compare content by md5, not by size and time alone",
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
