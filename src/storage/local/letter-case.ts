/**
 * Names on a file system that does not tell `A` from `a` (exFAT, vfat, many network shares): there a path can lead to what has
 * another name, and what is put in its place takes the other's.
 *
 * Whether a folder is on such a one is found out by the first name met that has letters.
 */
import * as fs from "node:fs";
import { folderOf, foldersOf } from "../../names/folders.ts";
import { fsPath } from "../../names/path-text.ts";
import { readFolder } from "./read-folder.ts";

/** Folders whose names are remembered. */
const REMEMBERED = 16;

export class LetterCase {
  private readonly root: string;
  private isIgnored: boolean | undefined;
  private readonly names = new Map<string, Set<string>>();

  /** @param root absolute. */
  constructor(root: string) {
    this.root = root;
  }

  /** Whether letters count by their case alone; false while nothing is known. @param there what is there for certain. */
  isIgnoredAt(there: string): boolean {
    this.isIgnored ??= this.findOut(there);
    return this.isIgnored ?? false;
  }

  /** What a path below the root leads to instead, by its own name; undefined where nothing is there, or just that. */
  namesakeOf(path: string): string | undefined {
    let own = "";
    for (const part of [...foldersOf(path), path]) {
      const name = part.slice(part.lastIndexOf("/") + 1);
      const found = this.ownNameOf(own, name);
      if (found === undefined) return undefined;
      own = own === "" ? found : `${own}/${found}`;
    }
    return own === path ? undefined : own;
  }

  /** Undefined where nothing is there; then whoever asks is taken to make it. */
  private ownNameOf(folder: string, name: string): string | undefined {
    const known = this.names.get(folder);
    if (known?.has(name)) return name;
    const isThere = this.exists(folder, name);
    const names = isThere || known === undefined ? this.read(folder) : known;
    if (names.has(name)) return name;
    if (!isThere) {
      names.add(name);
      return undefined;
    }
    return [...names].find((other) => folded(other) === folded(name)) ?? "another name";
  }

  /** Undefined where the name has no letters, or none of which every such file system knows the other case. */
  private findOut(there: string): boolean | undefined {
    const folder = folderOf(there);
    const name = there.slice(there.lastIndexOf("/") + 1);
    const plain = name.replace(/[a-z]/gi, otherCase);
    const other = plain === name ? otherCase(name) : plain;
    if (other === name) return undefined;
    if (!this.exists(folder, other)) return plain === name ? undefined : false;
    const names = this.read(folder);
    return !names.has(name) || !names.has(other);
  }

  private read(folder: string): Set<string> {
    const names = new Set(readFolder(this.locate(folder)).map((entry) => entry.name));
    if (this.names.size >= REMEMBERED) this.names.clear();
    this.names.set(folder, names);
    return names;
  }

  private exists(folder: string, name: string): boolean {
    const location = fsPath(`${this.locate(folder)}/${name}`);
    return fs.lstatSync(location, { throwIfNoEntry: false }) !== undefined;
  }

  private locate(folder: string): string {
    return folder === "" ? this.root : `${this.root}/${folder}`;
  }
}

function otherCase(text: string): string {
  return text.toUpperCase() === text ? text.toLowerCase() : text.toUpperCase();
}

function folded(name: string): string {
  return name.normalize("NFC").toUpperCase();
}
