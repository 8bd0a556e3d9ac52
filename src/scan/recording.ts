/** What one scan of a local folder gathers about metadata, from folder to folder. */
import * as fs from "node:fs";
import { Accounts } from "../metadata/accounts.ts";
import { readXattrs, type XattrSurvey, type Xattrs } from "../metadata/xattrs.ts";
import { fsPath } from "../names/path-text.ts";
import type { FolderEntry } from "../storage/local/list.ts";
import type { Entry } from "./entry.ts";
import { type AccountNames, type FolderRecord, LinkTable } from "./folder-record.ts";

const NONE: Xattrs = {};

export class Recording {
  private readonly root: string;
  private readonly survey: XattrSurvey;
  private readonly onTooMany: (path: string) => void;
  private readonly links = new LinkTable();
  private readonly accounts: AccountNames = { users: new Accounts("passwd"), groups: new Accounts("group") };
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
    const { root, survey, folders, onTooMany } = this;
    const folder = prefix.slice(0, -1);
    const stat =
      prefix === ""
        ? fs.statSync(fsPath(root), { bigint: true })
        : fs.lstatSync(fsPath(`${root}/${folder}`), { bigint: true });
    // A link took its place. What was met behind it does not open (real-place.ts), and is not recorded either.
    if (!stat.isDirectory()) throw Object.assign(new Error("no folder any more"), { code: "ELOOP" });
    const xattrs = survey.mayHaveSomeIn(folder)
      ? readXattrs(root, folder, namesOf(listed), onTooMany)
      : new Map<string, Xattrs>();
    for (const { name, kind } of xattrs.size === 0 ? [] : listed) {
      const own = kind === "folder" ? xattrs.get(name) : undefined;
      if (own !== undefined) folders.set(`${prefix}${name}/`, own);
    }
    const ofRoot = prefix === "" && survey.root ? readXattrs(root, "", ["."], onTooMany).get(".") : undefined;
    const own = ofRoot ?? folders.get(prefix) ?? NONE;
    folders.delete(prefix);
    return record.manifests({ stat, xattrs: own }, xattrs, this.links, this.accounts);
  }
}

function namesOf(listed: readonly FolderEntry[]): string[] {
  return listed.map(({ name }) => name);
}
