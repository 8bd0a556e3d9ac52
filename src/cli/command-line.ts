/** What a command line comes to. */
import type { StatsForm } from "./call-report.ts";

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
      readonly retireExcluded: boolean;
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
      readonly at: readonly string[];
      /** The beginning of an md5 in hex. */
      readonly md5: string | undefined;
      readonly to: string | undefined;
      readonly stripPrefix: string | undefined;
      /** Onto the source itself. */
      readonly inPlace: boolean;
      readonly allowMassDelete: boolean;
      readonly delete: boolean;
      readonly yes: boolean;
      readonly dryRun: boolean;
      readonly overwrite: Overwrite;
      readonly checksum: boolean;
      /** Otherwise owners are restored as root only. */
      readonly owner: boolean;
      readonly setid: boolean;
    })
  | (CallReporting & {
      readonly command: "verify";
      readonly config: string | undefined;
      readonly paths: readonly string[];
      /** As written; one at most. */
      readonly at: readonly string[];
    })
  | {
      readonly command: "decrypt";
      readonly config: string | undefined;
      readonly file: string;
      /** Undefined: standard output. */
      readonly output: string | undefined;
    }
  | {
      readonly command: "list";
      readonly config: string | undefined;
      readonly paths: readonly string[];
      /** As written; one at most. */
      readonly at: readonly string[];
      readonly allVersions: boolean;
      readonly deleted: boolean;
      /** What a run would consider, not what is stored. */
      readonly source: boolean;
      /** Why this path of the source is considered, or left out. */
      readonly explain: string | undefined;
      readonly json: boolean;
    }
  | {
      readonly command: "find";
      readonly config: string | undefined;
      readonly patterns: readonly string[];
      readonly at: readonly string[];
      readonly deleted: boolean;
      readonly json: boolean;
    }
  | {
      readonly command: "diff";
      readonly config: string | undefined;
      readonly paths: readonly string[];
      /** The two moments, or the first of them. */
      readonly at: readonly string[];
      readonly source: boolean;
      readonly checksum: boolean;
      readonly json: boolean;
    }
  | {
      readonly command: "stats";
      readonly config: string | undefined;
      readonly paths: readonly string[];
      /** Components of a folder's path that are told apart; at least 1. */
      readonly depth: number;
      /** Bytes of the objects, too. */
      readonly stored: boolean;
      readonly at: readonly string[];
      readonly json: boolean;
    }
  | {
      readonly command: "cat";
      readonly config: string | undefined;
      readonly path: string;
      readonly at: readonly string[];
      readonly md5: string | undefined;
      readonly deleted: boolean;
      readonly offset: number;
      readonly length: number;
    }
  | {
      readonly command: "init";
      readonly config: string | undefined;
      readonly src: string | undefined;
      readonly dest: string | undefined;
      readonly passwordFile: string | undefined;
    }
  | { readonly command: "generate-salt" }
  | { readonly command: "help"; readonly text: string }
  | { readonly command: "version" };
