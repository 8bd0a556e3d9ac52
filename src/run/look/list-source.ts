/** What a run would consider of the source, and why not more. */
import type { Config } from "../../config/config.ts";
import { plainPath } from "../../plan/selection.ts";
import { openSource } from "../../scan/open-source.ts";
import type { ScanFindings, Source } from "../../scan/source.ts";
import { type RunOptions, withDefaults } from "../run-options.ts";
import { Tally } from "../tally.ts";
import type { LookResult } from "./look.ts";
import { originalNames } from "./original-names.ts";

export interface SourceListOptions extends RunOptions {
  selects(path: string): boolean;
}

export interface SourceFileListed {
  readonly path: string;
  readonly size: number;
  /** Whole seconds since 1970. */
  readonly mtime: number;
}

/** Shows the files of the source that a run would store. Throws what the scan throws. */
export async function listSource(
  config: Config,
  options: SourceListOptions,
  show: (file: SourceFileListed) => void,
): Promise<LookResult> {
  const { reporter, selects } = options;
  const visit = (file: SourceFileListed) => {
    if (selects(file.path)) show(file);
  };
  const onSkipped = (path: string, reason: string) => reporter.warning(`skipped, ${reason}`, path);
  const { result } = await scanSource(config, options, { visit, onSkipped }, async () => undefined);
  return result;
}

/** What becomes of one path of the source, and why. */
export interface Explanation {
  readonly path: string;
  /** A file that a run would store, or a folder that holds some. */
  readonly considered: boolean;
  /** The rule that leaves it out, or what else is the matter. */
  readonly why: string;
}

/** Walks the source, since rules can lie in any folder, and tells of one path. */
export async function explainSource(
  config: Config,
  options: RunOptions,
  path: string,
): Promise<{ explanation: Explanation; result: LookResult }> {
  const wanted = plainPath(path);
  let considered = false;
  let skipped: string | undefined;
  const visit = (file: SourceFileListed) => {
    if (file.path === wanted || file.path.startsWith(`${wanted}/`)) considered = true;
  };
  const onSkipped = (file: string, reason: string) => {
    if (file === wanted) skipped = reason;
  };
  const { value: why, result } = await scanSource(config, options, { visit, onSkipped }, async (source) => {
    if (considered) return "no rule leaves it out";
    const rule = (await source.ruleFor(wanted)) ?? (await source.ruleFor(`${wanted}/`));
    const unknown = source.isUnknown(wanted) ? "it cannot be read" : "it is not there, or no file";
    return rule ?? skipped ?? unknown;
  });
  return { explanation: { path: wanted, considered, why }, result };
}

interface Visitor {
  visit(file: SourceFileListed): void;
  onSkipped(path: string, reason: string): void;
}

/** Goes through all files that a run would store, and asks the source something at the end. */
async function scanSource<T>(
  config: Config,
  options: RunOptions,
  { visit, onSkipped }: Visitor,
  ask: (source: Source) => Promise<T>,
): Promise<{ value: T; result: LookResult }> {
  const tally = new Tally(options.reporter);
  const source = await openSource(config, withDefaults(options).openStorage);
  const nameOf = originalNames(config);
  const findings: ScanFindings = {
    onError: (report) => tally.error(report),
    onSkipped,
    onNote: () => {},
  };
  try {
    for await (const entries of source.scan(findings, options.signal)) {
      for (const { path, size, mtime, manifest } of entries) {
        if (manifest === undefined) visit({ path: nameOf(path), size, mtime });
      }
    }
    return { value: await ask(source), result: tally.result() };
  } finally {
    await source.close();
  }
}
