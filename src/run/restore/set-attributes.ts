/** Setting owners, extended attributes, modes and times of what a restore has made, each only where it differs. */
import * as fs from "node:fs";
import { Accounts } from "../../metadata/accounts.ts";
import type { ExactTimes } from "../../metadata/exact-times.ts";
import type { Attributes } from "../../metadata/manifest.ts";
import { writeXattrs, type XattrsToSet } from "../../metadata/xattrs.ts";
import type { RestoredTree } from "../target/restored-tree.ts";
import type { MetadataReport } from "./metadata-report.ts";
import type { FolderMetadata } from "./restored-metadata.ts";

export interface AttributeSettings {
  /** The target, absolute. */
  readonly root: string;
  /** Set owner and group. */
  readonly owner: boolean;
  /** Set setuid and setgid bits, and file capabilities. */
  readonly setid: boolean;
}

/** What is to get attributes. */
export interface Target {
  readonly path: string;
  readonly attributes: Attributes;
  /** Before anything is applied. */
  readonly stat: fs.BigIntStats;
  readonly owner: readonly [number, number];
  /** Its owner or an attribute was set, which may change the mode. */
  mayHaveOtherMode?: boolean;
}

/** Names of users and groups by their numbers at the source. */
export type AccountNames = Pick<FolderMetadata, "users" | "groups">;

const BILLION = 1_000_000_000n;
const SETID = 0o6000;

export class AttributeSetter {
  private readonly settings: AttributeSettings;
  private readonly tree: RestoredTree;
  private readonly report: MetadataReport;
  private readonly isRoot = process.geteuid?.() === 0;
  private readonly users = new Accounts("passwd");
  private readonly groups = new Accounts("group");

  constructor(settings: AttributeSettings, tree: RestoredTree, report: MetadataReport) {
    this.settings = settings;
    this.tree = tree;
    this.report = report;
  }

  /** By name where this system knows the name, else by number. */
  targetOf(path: string, attributes: Attributes, stat: fs.BigIntStats, names: AccountNames): Target {
    const { uid, gid } = attributes;
    const user = names.users[uid];
    const group = names.groups[gid];
    const owner = [
      (user === undefined ? undefined : this.users.idOf(user)) ?? uid,
      (group === undefined ? undefined : this.groups.idOf(group)) ?? gid,
    ] as const;
    return { path, attributes, stat, owner };
  }

  /** Owners first: a change drops some extended attributes. */
  setOwnersAndXattrs(targets: readonly Target[]): void {
    for (const target of targets) this.report.attempt(target.path, () => this.setOwner(target));
    this.setXattrs(targets);
  }

  setModes(targets: readonly Target[]): void {
    for (const target of targets) this.report.attempt(target.path, () => this.setMode(target));
  }

  /** Owner, attributes and mode leave them as they are. They are set by the end of `times`. */
  async setTimes(targets: readonly Target[], times: ExactTimes): Promise<void> {
    for (const { path, attributes, stat } of targets) {
      const { seconds, nanoseconds } = attributes;
      if (stat.mtimeNs === BigInt(seconds) * BILLION + BigInt(nanoseconds)) continue;
      try {
        await times.set(path, seconds, nanoseconds);
      } catch (error) {
        this.report.fail(error, path);
      }
    }
  }

  private setOwner(target: Target): void {
    const { path, stat } = target;
    const [uid, gid] = target.owner;
    if (!this.settings.owner || (Number(stat.uid) === uid && Number(stat.gid) === gid)) return;
    target.mayHaveOtherMode = true;
    fs.lchownSync(this.tree.locate(path), uid, gid);
  }

  private setXattrs(targets: readonly Target[]): void {
    const files: XattrsToSet[] = [];
    for (const target of targets) {
      const wanted = Object.entries(target.attributes.xattrs).filter(([name]) => this.maySet(name));
      if (wanted.length === 0) continue;
      target.mayHaveOtherMode = true;
      files.push({ path: target.path, xattrs: Object.fromEntries(wanted) });
    }
    if (files.length === 0) return;
    const complaints = writeXattrs(this.settings.root, files);
    if (complaints === undefined) {
      this.report.note(
        "setfattr is not installed (Debian's package attr): extended attributes and ACLs are not restored",
      );
    }
    for (const complaint of complaints ?? []) this.report.complain(complaint);
  }

  private maySet(name: string): boolean {
    if (/^(?:user\.|system\.posix_acl_(?:access|default)$)/.test(name)) return true;
    if (name === "security.capability" && !this.settings.setid) {
      this.report.note("file capabilities are not restored without --setid");
      return false;
    }
    return this.isRoot && /^(?:trusted\.|security\.capability$)/.test(name);
  }

  private setMode({ path, attributes, stat, mayHaveOtherMode }: Target): void {
    if (stat.isSymbolicLink()) return;
    const before = Number(stat.mode & 0o7777n);
    // What is there already with such a bit may keep it.
    const allowed = this.settings.setid ? SETID : before & SETID;
    if ((attributes.mode & SETID & ~allowed) !== 0) {
      this.report.note("setuid and setgid bits are not restored without --setid");
    }
    const mode = attributes.mode & (~SETID | allowed);
    const location = this.tree.locate(path);
    const now = mayHaveOtherMode ? fs.lstatSync(location).mode & 0o7777 : before;
    if (now !== mode) fs.chmodSync(location, mode);
  }
}
