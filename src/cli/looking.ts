/**
 * The commands that look: list, find, diff and stats. Lines for people are aligned in columns of fixed width, so
 * that nothing has to be held back; for programs there is one JSON object per line (docs/commands.md).
 */
import type { Config } from "../config/config.ts";
import { hexOf } from "../plan/choice.ts";
import { formatMoment, formatUtc } from "../plan/moment.ts";
import { Selection } from "../plan/selection.ts";
import { nothingMatches } from "../run/destination/nothing-matches.ts";
import { type Difference, type FileState, runDiff, runSourceDiff } from "../run/look/diff.ts";
import { type ListedVersion, runList } from "../run/look/list.ts";
import {
  type Explanation,
  explainSource,
  listSource,
  type SourceFileListed,
} from "../run/look/list-source.ts";
import type { LookResult } from "../run/look/look.ts";
import { runStats } from "../run/look/stats.ts";
import type { RunOptions } from "../run/run-options.ts";
import type { CommandLine } from "./command-line.ts";
import { escapeText } from "./escape.ts";
import { findSelection } from "./find-pattern.ts";
import type { Lines } from "./lines.ts";
import { statsLines, statsObject } from "./stats-lines.ts";

type Of<C extends CommandLine["command"]> = CommandLine & { readonly command: C };
export type LookCommand = Of<"list"> | Of<"find"> | Of<"diff"> | Of<"stats">;

/** Runs one of the commands; what it finds goes to `lines`, and a path that nothing is found for is an error. */
export async function runLook(
  commandLine: LookCommand,
  moments: readonly number[],
  config: Config,
  options: RunOptions,
  lines: Lines,
): Promise<LookResult> {
  const selection = new Selection("paths" in commandLine ? commandLine.paths : []);
  const { errors } = await lookFor(selection, commandLine, moments, config, options, lines);
  const unmatched = selection.unmatched();
  const ofSource = "source" in commandLine && commandLine.source;
  for (const text of unmatched) {
    options.reporter.error(nothingMatches(text, REMEDY, ofSource ? "source" : "destination"));
  }
  if (unmatched.length === 0) return { errors };
  return { errors: new Map([...errors, ["failed", (errors.get("failed") ?? 0) + unmatched.length]]) };
}

const REMEDY =
  "give a path as the source has it, a folder, or a glob; list shows deleted files with --deleted or --all-versions";

async function lookFor(
  selection: Selection,
  commandLine: LookCommand,
  moments: readonly number[],
  config: Config,
  options: RunOptions,
  lines: Lines,
): Promise<LookResult> {
  const { json } = commandLine;
  const selects = (path: string) => selection.selects(path);
  const [at] = moments;
  const print = <T>(forPeople: (item: T) => string, forPrograms: (item: T) => object) => {
    return (item: T) => lines.write(json ? JSON.stringify(forPrograms(item)) : forPeople(item));
  };
  switch (commandLine.command) {
    case "list":
    case "find": {
      const isFind = commandLine.command === "find";
      if (!isFind && commandLine.explain !== undefined) {
        const { explanation, result } = await explainSource(config, options, commandLine.explain);
        print(explanationLine, (one: Explanation) => one)(explanation);
        return result;
      }
      if (!isFind && commandLine.source) {
        const show = print(
          (file: SourceFileListed) => versionLine({ ...file, md5: "" }, false),
          sourceObject,
        );
        return listSource(config, { ...options, selects }, show);
      }
      const choice = { ...(at !== undefined && { at }), deleted: commandLine.deleted };
      const allVersions = isFind || commandLine.allVersions;
      const show = print((version: ListedVersion) => versionLine(version, allVersions), versionObject);
      const looking = { ...options, choice, allVersions };
      if (isFind) return runList(config, { ...looking, selects: findSelection(commandLine.patterns) }, show);
      return runList(config, { ...looking, selects: (path) => selection.includes(path) }, (version) => {
        // Only what is shown is found.
        selection.selects(version.path);
        show(version);
      });
    }
    case "diff": {
      const show = print(differenceLine, differenceObject);
      const from = at !== undefined ? { from: at } : {};
      if (commandLine.source) {
        return runSourceDiff(config, { ...options, ...from, checksum: commandLine.checksum, selects }, show);
      }
      const to = moments[1] !== undefined ? { to: moments[1] } : {};
      return runDiff(config, { ...options, ...from, ...to, selects }, show);
    }
    case "stats": {
      const { depth, stored } = commandLine;
      const { stats, result } = await runStats(config, { ...options, depth, stored, selects });
      const shown = json ? [JSON.stringify(statsObject(stats, stored))] : statsLines(stats, stored);
      for (const line of shown) lines.write(line);
      return result;
    }
  }
}

function versionLine(
  { path, size, mtime, md5, began, ceased, condemned }: ListedVersion,
  period: boolean,
): string {
  const columns = [String(size).padStart(14), formatMoment(mtime).padEnd(19)];
  if (period) {
    columns.push(md5.slice(0, 8), (began === undefined ? "?" : formatMoment(began)).padEnd(19));
    columns.push(ceased === undefined ? "live".padEnd(19) : formatMoment(ceased).padEnd(19));
  }
  const note = condemned === undefined ? "" : ` (condemned ${formatMoment(condemned)})`;
  return `${columns.join("  ")}  ${escapeText(path)}${note}`;
}

function explanationLine({ path, considered, why }: Explanation): string {
  return `${escapeText(path)}: ${considered ? "considered" : "left out"}, ${escapeText(why)}`;
}

function sourceObject({ path, size, mtime }: SourceFileListed): object {
  return { path, size, mtime: formatUtc(mtime) };
}

function versionObject({ path, size, mtime, md5, began, ceased, condemned }: ListedVersion): object {
  return {
    path,
    size,
    mtime: formatUtc(mtime),
    md5,
    live: ceased === undefined,
    ...(began !== undefined && { began: formatUtc(began) }),
    ...(ceased !== undefined && { ceased: formatUtc(ceased) }),
    ...(condemned !== undefined && { condemned: formatUtc(condemned) }),
  };
}

const SIGNS = { added: "+", removed: "-", changed: "M", touched: "T" } as const;

function differenceLine({ path, kind, before, after }: Difference): string {
  const what =
    before === undefined || after === undefined || before.size === after.size
      ? ""
      : ` (${before.size} -> ${after.size} bytes)`;
  return `${SIGNS[kind]} ${escapeText(path)}${what}`;
}

function differenceObject({ path, kind, before, after }: Difference): object {
  return {
    path,
    kind,
    ...(before && { before: stateObject(before) }),
    ...(after && { after: stateObject(after) }),
  };
}

function stateObject({ size, mtime, md5 }: FileState): object {
  return { size, mtime: formatUtc(mtime), ...(md5 !== undefined && { md5: hexOf(md5) }) };
}
