/** A source whose answers are made up. */
import type { Entry } from "../../src/scan/entry.ts";
import type { ScanFindings, Source } from "../../src/scan/source.ts";

/** One that finds nothing and knows nothing, but for what is said. */
export function madeSource(answers: Partial<Source> = {}): Source {
  const nothing: Partial<Source> = {
    location: "made up",
    scan: scanOf(),
    isUnknown: () => false,
    cameSince: () => false,
    wasRemoved: () => false,
    isStillThere: () => true,
    excludedBy: async () => undefined,
    ruleFor: async () => undefined,
    close: async () => {},
  };
  return { ...nothing, ...answers } as Source;
}

/** A scan that gives one batch for each path, after it has `told` what it found beside. */
export const scanOf = (paths: readonly string[] = [], told: (findings: ScanFindings) => void = () => {}) =>
  async function* (findings: ScanFindings): AsyncGenerator<Entry[]> {
    for (const path of paths) yield [{ path, size: 1, mtime: 1, sortKey: `${path}.` }];
    told(findings);
  };

/** What a scan gives and tells. */
export async function scanned(source: Source, signal?: AbortSignal) {
  const told: string[] = [];
  const entries: Entry[] = [];
  const findings: ScanFindings = {
    onError: ({ path, message }) => told.push(`error ${path}: ${message}`),
    onSkipped: (path, reason) => told.push(`skipped ${path}: ${reason}`),
    onNote: (text) => told.push(`note ${text}`),
  };
  for await (const batch of source.scan(findings, signal)) entries.push(...batch);
  return { paths: entries.map(({ path }) => path), sortKeys: entries.map(({ sortKey }) => sortKey), told };
}
