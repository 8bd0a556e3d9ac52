/** What `backup stats` prints, for people and for programs. */
import type { Amount, GroupAmount, Groups, Stats } from "../run/look/stats.ts";
import { escapeText } from "./escape.ts";
import { formatBytes, formatCount } from "./units.ts";

const GROUPS_SHOWN = 15;

/** @param stored whether the bytes of objects were asked for */
export function statsLines(
  { total, reasons, folders, extensions, metadata }: Stats,
  stored: boolean,
): string[] {
  const text = ({ versions, bytes, stored: taken }: Amount, noun: string) =>
    `${formatCount(versions, noun)}, ${formatBytes(bytes)}${stored ? `, ${formatBytes(taken)} stored` : ""}`;
  const lines = [`live: ${text(total.live, "file")}`, `kept: ${text(total.kept, "old version")}`];
  for (const [reason, amount] of reasons) {
    if (reason !== "live") lines.push(`  ${reason}: ${text(amount, "version")}`);
  }
  if (metadata.versions > 0) lines.push(`metadata: ${text(metadata, "manifest")}`);
  return [
    ...lines,
    ...groupLines("by folder", folders, stored),
    ...groupLines("by extension", extensions, stored),
  ];
}

function groupLines(title: string, { largest, others }: Groups, stored: boolean): string[] {
  const row = (name: string, columns: readonly (string | number)[]) =>
    `  ${columns.map((column) => String(column).padStart(11)).join("")}  ${name}`;
  const rows = largest.slice(0, GROUPS_SHOWN).map(([name, { live, kept }]) => {
    const columns = [live.versions, formatBytes(live.bytes), kept.versions, formatBytes(kept.bytes)];
    if (stored) columns.push(formatBytes(live.stored + kept.stored));
    return row(escapeText(name) || "(none)", columns);
  });
  const head = ["files", "bytes", "kept", "bytes kept", ...(stored ? ["stored"] : [])];
  const more = largest.length - GROUPS_SHOWN;
  const rest = others === undefined ? "" : ", and others, smaller than those";
  const note = more > 0 ? [`  and ${more} more${rest}`] : [];
  return [`${title}:`, row("", head).trimEnd(), ...rows, ...note];
}

/** One object. The bytes of objects are in it only where they were asked for. */
export function statsObject(
  { total, reasons, folders, extensions, metadata }: Stats,
  stored: boolean,
): object {
  const amount = ({ stored: taken, ...others }: Amount) => (stored ? { ...others, stored: taken } : others);
  const flat = ({ live, kept }: GroupAmount) => ({ live: amount(live), kept: amount(kept) });
  const all = ({ largest }: Groups) =>
    Object.fromEntries(largest.map(([name, group]) => [name, flat(group)]));
  return {
    ...flat(total),
    reasons: Object.fromEntries([...reasons].map(([reason, one]) => [reason, amount(one)])),
    metadata: amount(metadata),
    folders: all(folders),
    ...(folders.others && { otherFolders: flat(folders.others) }),
    extensions: all(extensions),
    ...(extensions.others && { otherExtensions: flat(extensions.others) }),
  };
}
