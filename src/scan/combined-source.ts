/**
 * Several sources as one: each under a name, which is the first component of every path in it.
 *
 * One that is missing, or cannot be listed any further, is reported and the others go on; all of its files are unknown
 * then, so none of them is marked as deleted.
 */
import { BackupError, type ErrorReport, reportOf, StorageError } from "../errors.ts";
import { comparePaths } from "../names/path-text.ts";
import type { Entry } from "./entry.ts";
import type { ScanFindings, Source, SourceFile } from "./source.ts";

export interface NamedPart {
  /** One component of a path. */
  readonly name: string;
  readonly source: Source;
}

export class CombinedSource implements Source {
  readonly location: string;
  private readonly parts: readonly NamedPart[];
  /** Names of sources that could not be listed. */
  private readonly unknown = new Set<string>();

  constructor(parts: readonly NamedPart[]) {
    // Keys of a part begin with `name/`, so the parts follow each other in that order.
    this.parts = [...parts].sort((a, b) => comparePaths(`${a.name}/`, `${b.name}/`));
    this.location = this.parts.map(({ source }) => source.location).join(", ");
  }

  prepare(signal?: AbortSignal): void {
    this.parts[0]?.source.prepare?.(signal);
  }

  async *scan(findings: ScanFindings, signal?: AbortSignal): AsyncGenerator<Entry[]> {
    for (const [i, { name, source }] of this.parts.entries()) {
      this.parts[i + 1]?.source.prepare?.(signal);
      const below = (path: string) => `${name}/${path}`;
      const onError = (report: ErrorReport) => {
        const path = report.path === undefined ? name : below(report.path);
        findings.onError({ ...report, path });
      };
      const told: ScanFindings = {
        onError,
        onSkipped: (path, reason) => findings.onSkipped(below(path), reason),
        onNote: (text) => findings.onNote(`${name}: ${text}`),
      };
      try {
        for await (const entries of source.scan(told, signal)) {
          yield entries.map((entry) => ({
            ...entry,
            path: below(entry.path),
            sortKey: below(entry.sortKey),
          }));
        }
      } catch (error) {
        signal?.throwIfAborted();
        this.unknown.add(name);
        findings.onError({ ...reportOf(error, "source"), path: name });
      }
    }
  }

  isUnknown(path: string): boolean {
    const [part, rest] = this.partOf(path);
    return part !== undefined && (this.unknown.has(part.name) || part.source.isUnknown(rest));
  }

  cameSince(path: string): boolean {
    const [part, rest] = this.partOf(path);
    return part?.source.cameSince(rest) ?? false;
  }

  wasRemoved(path: string): boolean {
    const [part, rest] = this.partOf(path);
    return part?.source.wasRemoved(rest) ?? false;
  }

  isStillThere(): boolean {
    return this.parts.every(({ name, source }) => this.unknown.has(name) || source.isStillThere());
  }

  async excludedBy(path: string): Promise<string | undefined> {
    const [part, rest] = this.partOf(path);
    return rest === "" ? undefined : part?.source.excludedBy(rest);
  }

  skipsFolder(folder: string): boolean {
    const [part, rest] = this.partOf(folder);
    return rest !== "" && part?.source.skipsFolder(rest) === true;
  }

  mayLeaveOut(): boolean {
    return this.parts.some(({ source }) => source.mayLeaveOut());
  }

  async ruleFor(path: string): Promise<string | undefined> {
    const [part, rest] = this.partOf(path);
    return rest === "" ? undefined : part?.source.ruleFor(rest);
  }

  async trustsEtag(entry: { path: string; size: number; etag?: string }): Promise<boolean> {
    const [part, rest] = this.partOf(entry.path);
    return (await part?.source.trustsEtag?.({ ...entry, path: rest })) ?? false;
  }

  async open(entry: { path: string; size: number; mtime: number; etag?: string }): Promise<SourceFile> {
    const [part, rest] = this.partOf(entry.path);
    if (part === undefined) {
      throw new StorageError("source", "is of no source", { path: entry.path, code: "ENOENT" });
    }
    try {
      return await part.source.open({ ...entry, path: rest });
    } catch (error) {
      throw error instanceof BackupError ? named(error, entry.path) : error;
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.parts.map(({ source }) => source.close()));
  }

  private partOf(path: string): [part: NamedPart | undefined, rest: string] {
    const end = path.indexOf("/");
    const name = end < 0 ? path : path.slice(0, end);
    return [this.parts.find((part) => part.name === name), end < 0 ? "" : path.slice(end + 1)];
  }
}

function named(error: BackupError, path: string): StorageError {
  return new StorageError("source", error.message, {
    path,
    cause: error,
    ...(error.remedy !== undefined && { remedy: error.remedy }),
  });
}
