/** Which versions a command is about: flags become a choice, and those that exclude each other are refused. */
import { ConfigError } from "../errors.ts";
import type { Choice } from "../plan/choice.ts";
import { parseMoment } from "../plan/moment.ts";
import type { CommandLine } from "./command-line.ts";

type Chosen = { readonly at: readonly string[]; readonly md5: string | undefined };

/** Which versions a command is about. Throws ConfigError for what is no moment, and for what excludes each other. */
export function choiceOf({ at, md5 }: Chosen, deleted: boolean): Choice {
  if ([at.length > 0, md5 !== undefined, deleted].filter(Boolean).length > 1) {
    throw new ConfigError("a moment, a version and deleted files exclude each other: give one of them");
  }
  if (md5 !== undefined && !/^[0-9a-f]{4,32}$/.test(md5)) {
    throw new ConfigError("must be 4 to 32 hexadecimal digits, in lower case", { path: "--md5" });
  }
  const [moment] = momentsOf(at, 1);
  return { ...(moment !== undefined && { at: moment }), ...(md5 !== undefined && { md5 }), deleted };
}

/** Throws ConfigError. */
export function momentsOf(texts: readonly string[], most: number): number[] {
  if (texts.length > most) throw new ConfigError(`--at is given more than ${most === 1 ? "once" : "twice"}`);
  const now = new Date();
  return texts.map((text) => parseMoment(text, now));
}

/** Throws ConfigError where a flag would say nothing beside the others: none is read and ignored. */
export function checkLooking(commandLine: CommandLine): void {
  const refuse = (when: boolean, message: string) => {
    if (when) throw new ConfigError(message, { remedy: "backup --help shows what there is" });
  };
  if (commandLine.command === "diff") {
    const { at, source, checksum } = commandLine;
    refuse(at.length === 0 && !source, "diff needs --at, once or twice, or --source");
    refuse(at.length > 1 && source, "--source is one side of the comparison: give --at once at most");
    refuse(checksum && !source, "--checksum belongs to --source: stored versions are compared by md5 anyway");
  } else if (commandLine.command === "list") {
    const { at, source, explain, allVersions, deleted, paths } = commandLine;
    const stored = at.length > 0 || allVersions || deleted;
    refuse(source && stored, "--source and --explain exclude --at, --all-versions and --deleted");
    refuse(
      explain !== undefined && paths.length > 0,
      "--explain takes one path, and list no other beside it",
    );
    refuse(at.length > 0 && deleted, "a moment and deleted files exclude each other: give one of them");
  }
}
