/** What one scan of a local folder gathers about metadata, from folder to folder. */
import * as fs from "node:fs";
import { Accounts } from "../metadata/accounts.ts";
import { readXattrs, type XattrSurvey } from "../metadata/xattrs.ts";
import { fsPath } from "../names/path-text.ts";
import type { FolderEntry } from "../storage/local/read-folder.ts";
import type { Entry } from "./entry.ts";
import type { FolderRecord, OwnRecord, ScanKnowledge } from "./folder-record.ts";
import { LinkTable, type Xattrs } from "./recorded-entry.ts";

const NONE: Xattrs = {};
const EMPTY: ReadonlyMap<string, Xattrs> = new Map();

export class Recording {
  private readonly root: string;
  private readonly survey: XattrSurvey;
  private readonly onTooMany: (path: string) => void;
  readonly knowledge: ScanKnowledge = {
    links: new LinkTable(),
    accounts: { users: new Accounts("passwd"), groups: new Accounts("group") },
  };
  /** Attributes of folders that were read with their parents and are still to be entered. */
  private readonly folders = new Map<string, Xattrs>();

  /** @param onTooMany gets the path of each entry of which no attributes are recorded, since they are too many. */
  constructor(root: string, survey: XattrSurvey, onTooMany: (path: string) => void) {
    this.root = root;
    this.survey = survey;
    this.onTooMany = onTooMany;
  }

  /** The manifests of one folder, in the order of the walk; throws what keeps them from being made. */
  manifestsOf(prefix: string, listed: readonly FolderEntry[], record: FolderRecord): Entry[] {
    const own = this.ownOf(prefix);
    return record.manifests(own, this.xattrsOf(prefix, listed), this.knowledge);
  }

  /** Looks only for what folders in one have that is not recorded itself. Throws as readXattrs does. */
  passThrough(prefix: string, listed: readonly FolderEntry[]): void {
    const folders = listed.filter(({ kind }) => kind === "folder");
    if (folders.length > 0) this.xattrsOf(prefix, folders);
  }

  /** What a folder has itself. Throws where it cannot be looked at, or is none any more. */
  ownOf(prefix: string): OwnRecord {
    const { root, survey, folders, onTooMany } = this;
    const location = fsPath(`${root}/${prefix.slice(0, -1)}`);
    const stat =
      prefix === "" ? fs.statSync(fsPath(root), { bigint: true }) : fs.lstatSync(location, { bigint: true });
    // A link took its place. What was met behind it does not open (real-place.ts), and is not recorded either.
    if (!stat.isDirectory()) throw Object.assign(new Error("no folder any more"), { code: "ELOOP" });
    const ofRoot = prefix === "" && survey.root ? readXattrs(root, "", ["."], onTooMany).get(".") : undefined;
    const xattrs = ofRoot ?? folders.get(prefix) ?? NONE;
    folders.delete(prefix);
    return { stat, xattrs };
  }

  /** Of some entries of a folder, by name; those of folders are kept until these are entered. Throws as readXattrs does. */
  xattrsOf(prefix: string, some: readonly FolderEntry[]): ReadonlyMap<string, Xattrs> {
    const { root, survey, folders, onTooMany } = this;
    const folder = prefix.slice(0, -1);
    if (!survey.mayHaveSomeIn(folder)) return EMPTY;
    const names = some.map(({ name }) => name);
    const xattrs = readXattrs(root, folder, names, onTooMany);
    for (const { name, kind } of xattrs.size === 0 ? [] : some) {
      const own = kind === "folder" ? xattrs.get(name) : undefined;
      if (own !== undefined) folders.set(`${prefix}${name}/`, own);
    }
    return xattrs;
  }
}
