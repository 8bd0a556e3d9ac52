/** Reading one folder: what its names are, and whether there are more of them than memory should hold. */
import * as fs from "node:fs";
import { errorCode } from "../../errors.ts";
import { fsPath, pathOfBytes } from "../../names/path-text.ts";

/** Of the folder itself, in bytes: ten thousand names of a hundred characters and more, as most file systems count. */
const LARGE = 1024 * 1024;
const BEYOND_ASCII = /[\x80-\xff]/;

/** What a name in a folder is, without following links. */
export interface FolderEntry {
  readonly name: string;
  readonly kind: "file" | "folder" | "link" | "other";
}

/** Whether what is done with a folder's names should go through the disk. Throws the plain `node:fs` error. */
export function isLargeFolder(folder: string): boolean {
  return fs.statSync(fsPath(folder)).size > LARGE;
}

/** Reads one folder; names that are not UTF-8 come in the escaped form of path-text.ts. */
export function readFolder(folder: string): FolderEntry[] {
  try {
    return readWithKinds(folder);
  } catch (error) {
    if (!isOfOneName(error)) throw error;
    return [...examineEach(folder)];
  }
}

function readWithKinds(folder: string): FolderEntry[] {
  const entries = fs.readdirSync(fsPath(folder), { withFileTypes: true });
  // Node replaces invalid bytes by U+FFFD without a word: only then is the folder read again as bytes.
  if (entries.some((entry) => entry.name.includes("\ufffd"))) {
    return fs
      .readdirSync(fsPath(folder), { withFileTypes: true, encoding: "buffer" })
      .map((entry) => ({ name: pathOfBytes(entry.name), kind: kindOf(entry) }));
  }
  return entries.map((entry) => ({ name: entry.name, kind: kindOf(entry) }));
}

/** The same, entry by entry: slower for small folders, and without all of a large one in memory. One may come twice. */
export function* readLargeFolder(folder: string): Generator<FolderEntry> {
  // One character for each byte: otherwise Node replaces invalid ones.
  const directory = fs.opendirSync(fsPath(folder), { encoding: "latin1", bufferSize: 1000 });
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      const name = BEYOND_ASCII.test(entry.name)
        ? pathOfBytes(Buffer.from(entry.name, "latin1"))
        : entry.name;
      yield { name, kind: kindOf(entry) };
    }
  } catch (error) {
    if (!isOfOneName(error)) throw error;
    yield* examineEach(folder);
  } finally {
    directory.closeSync();
  }
}

/**
 * Where a file system does not tell the kinds of names (some over a network, or in user space), Node looks at each, as it has
 * decoded it: then one that is not UTF-8, or that has just been removed, fails the folder.
 */
function isOfOneName(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).syscall === "lstat" || errorCode(error) === "ERR_INVALID_ARG_TYPE";
}

function* examineEach(folder: string): Generator<FolderEntry> {
  for (const bytes of fs.readdirSync(fsPath(folder), { encoding: "buffer" })) {
    const name = pathOfBytes(bytes);
    const stat = fs.lstatSync(fsPath(`${folder}/${name}`), { throwIfNoEntry: false });
    if (stat !== undefined) yield { name, kind: kindOf(stat) };
  }
}

function kindOf(entry: Pick<fs.Stats, "isFile" | "isDirectory" | "isSymbolicLink">): FolderEntry["kind"] {
  if (entry.isFile()) return "file";
  if (entry.isDirectory()) return "folder";
  return entry.isSymbolicLink() ? "link" : "other";
}
