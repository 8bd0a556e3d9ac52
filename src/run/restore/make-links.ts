/** Making what a manifest tells of beside files and folders: hard links, symbolic links, special files. */
import * as fs from "node:fs";
import type { ManifestEntry } from "../../metadata/manifest.ts";
import { fsPath } from "../../names/path-text.ts";
import { secondsOfNanoseconds } from "../../scan/mtime.ts";
import type { BackupFolder } from "../../storage/local/backup-folder.ts";
import { readPiecesReusing } from "../../storage/local/file-io.ts";
import type { TemporaryFolder } from "../../storage/local/temporary.ts";
import type { Reporter } from "../reporter.ts";
import { obstructed, refusal } from "../target/local-target.ts";
import { below, RestoredTree, secondsOfEntry } from "../target/restored-tree.ts";
import type { Overwrite } from "../worker/restore-file.ts";
import { clash, clashesOf } from "./clashing-entries.ts";
import { MetadataReport } from "./metadata-report.ts";
import type { FolderMetadata } from "./restored-metadata.ts";
import { makeSpecialFile } from "./special-files.ts";

/** One of several names of a file. */
export interface LinkedFile {
  readonly group: string;
  readonly path: string;
  readonly entry: ManifestEntry;
}

export interface LinkContext {
  readonly tree: RestoredTree;
  /** Below the target: everything gets its place by a rename. Absent: only tell what would be made. */
  readonly temporary?: TemporaryFolder;
  readonly overwrite: Overwrite;
  /** Paths where a file is stored, too. */
  readonly clashes: ReadonlySet<string>;
  readonly report: MetadataReport;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

type MakingContext = LinkContext & { readonly temporary: TemporaryFolder };

/** Files of one group whose content is equal become one file. @param files those of a group one behind the other. */
export function joinHardLinks(files: Iterable<LinkedFile>, context: MakingContext): void {
  const { tree, report, signal } = context;
  let first: LinkedFile | undefined;
  for (const file of files) {
    signal.throwIfAborted();
    report.attempt(file.path, () => {
      if (tree.statIfMatching(file.path, file.entry) === undefined) return;
      if (first === undefined || first.group !== file.group) first = file;
      else joinHardLink(first, file, context);
    });
  }
}

function joinHardLink(first: LinkedFile, file: LinkedFile, { tree, temporary, report }: MakingContext): void {
  const one = fs.lstatSync(tree.locate(first.path), { bigint: true });
  const other = fs.lstatSync(tree.locate(file.path), { bigint: true });
  if (one.ino === other.ino && one.dev === other.dev) return;
  if (!haveEqualContent(tree.locate(first.path), tree.locate(file.path), Number(one.size))) {
    throw refusal(file.path, `it is said to be a hard link of another file, but differs from it`);
  }
  const link = temporary.newPath();
  fs.linkSync(tree.locate(first.path), link);
  fs.renameSync(link, tree.locate(file.path));
  report.count("hard links");
}

/** Only once no file is written any more that could go through a link. Returns the paths of what was made. */
export async function makeLinksAndSpecials(
  { folder, entries }: FolderMetadata,
  context: LinkContext,
): Promise<string[]> {
  const made: string[] = [];
  for (const entry of entries) {
    if (entry.kind === "file") continue;
    context.signal.throwIfAborted();
    const path = below(folder, entry.name);
    try {
      if (await makeEntry(folder, path, entry, context)) made.push(path);
    } catch (error) {
      context.report.fail(error, path);
    }
  }
  return made;
}

/** Tells what a restore would make; returns the paths. */
export async function foreseeLinks(
  folders: Iterable<FolderMetadata>,
  settings: ConstructorParameters<typeof MetadataReport>[0] & {
    readonly overwrite: Overwrite;
    readonly backup: BackupFolder;
    /** Paths of files of the state. */
    readonly current: Iterable<string>;
  },
): Promise<string[]> {
  const context = {
    ...settings,
    tree: new RestoredTree(settings.root, settings.backup),
    clashes: clashesOf(folders, settings.current),
    report: new MetadataReport(settings),
  };
  const foreseen: string[] = [];
  for (const folder of folders) foreseen.push(...(await makeLinksAndSpecials(folder, context)));
  return foreseen;
}

async function makeEntry(
  folder: string,
  path: string,
  entry: ManifestEntry,
  { tree, temporary, overwrite, clashes, report, reporter }: LinkContext,
): Promise<boolean> {
  if (clashes.has(path)) throw clash(path, entry);
  const isDevice = entry.kind === "character" || entry.kind === "block";
  if (isDevice && process.geteuid?.() !== 0) {
    report.count("devices left out, which only root can make");
    return false;
  }
  if (temporary === undefined) tree.checkFolder(folder);
  else tree.makeFolder(folder);
  if (tree.statIfMatching(path, entry) !== undefined) return false;
  const stat = fs.lstatSync(tree.locate(path), { throwIfNoEntry: false, bigint: true });
  if (stat?.isDirectory()) throw obstructed(path, "a folder is in its place", path);
  if (stat !== undefined) {
    const isNewer = secondsOfEntry(entry) > secondsOfNanoseconds(stat.mtimeNs);
    if (overwrite === "never" || (overwrite === "if-newer" && !isNewer)) {
      reporter.file("kept", path, "another file is there");
      return false;
    }
  }
  if (temporary !== undefined) {
    const made = temporary.newPath();
    if (entry.kind === "symlink") fs.symlinkSync(fsPath(entry.target as string), made);
    else await makeSpecialFile(entry, made);
    fs.renameSync(made, tree.locate(path));
  }
  reporter.file("restored", path);
  report.count(entry.kind === "symlink" ? "symbolic links" : "special files");
  return true;
}

function haveEqualContent(one: string | Buffer, other: string | Buffer, size: number): boolean {
  const flags = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW;
  const a = fs.openSync(one, flags);
  try {
    const b = fs.openSync(other, flags);
    try {
      const pieces = readPiecesReusing(b, 0, size);
      for (const piece of readPiecesReusing(a, 0, size)) {
        const next = pieces.next();
        if (next.done || !piece.equals(next.value)) return false;
      }
      return true;
    } finally {
      fs.closeSync(b);
    }
  } finally {
    fs.closeSync(a);
  }
}
