/**
 * The guards against deletion by accident: of a backup because its source was not there, and of a source because the
 * state that it is brought back to is not there. Pure.
 */
import { RefusedError } from "../errors.ts";

/** Of the source, or of one of several. */
export interface LossFacts {
  /** Where there are several. */
  readonly name?: string;
  /** Files that the scan saw. */
  readonly sourceFiles: number;
  /** Paths with a live version at the destination before this run, but for those that a rule leaves out. */
  readonly livePaths: number;
  /** Of these, how many are missing from the source and did not merely move. */
  readonly lost: number;
}

export interface GuardFacts {
  readonly all: LossFacts;
  /** Of several sources each: one of them may be an empty mount point while the others have most of the files. */
  readonly parts: readonly LossFacts[];
  /** Whether part of the source could not be listed. */
  readonly partial: boolean;
  /** Whether at its place there is nothing any more, or something else than when the run began. */
  readonly replaced: boolean;
  /** Files that had to be read. */
  readonly toRead: number;
  /** Of these, how many were not there any more, and seem not to have been removed one by one. */
  readonly gone: number;
}

export interface GuardSettings {
  /** Above this share (0..1) of lost files the run marks nothing. */
  readonly massDeleteShare: number;
  /** `--allow-mass-delete`. */
  readonly allowMassDelete: boolean;
}

/** So few lost files are an everyday matter whatever their share. */
export const A_HANDFUL = 10;

/**
 * The reasons to mark nothing as deleted: none where all is well. Files under folders that could not be read are never
 * marked, whatever is allowed.
 */
export function guardAgainstLoss(facts: GuardFacts, settings: GuardSettings): readonly RefusedError[] {
  const { all, parts, partial, replaced, toRead, gone } = facts;
  if (replaced) {
    return [
      refusal("the source went away, or became another, while it was read: nothing was marked deleted", {
        code: "EREPLACED",
        remedy: "check that it is mounted, and run again",
      }),
    ];
  }
  if (settings.allowMassDelete) return [];
  if (gone > A_HANDFUL && gone > settings.massDeleteShare * toRead) {
    return [
      refusal(`${gone} of ${toRead} files were gone when they were to be read: nothing was marked deleted`),
    ];
  }
  if (partial) return [refusal("part of the source could not be listed: nothing was marked deleted")];
  // All of them are named: what is allowed is allowed of all.
  const ofParts = parts.flatMap((part) => refusalOf(part, settings));
  return ofParts.length > 0 ? ofParts : refusalOf(all, settings);
}

function refusalOf(
  { name, sourceFiles, livePaths, lost }: LossFacts,
  { massDeleteShare }: GuardSettings,
): RefusedError[] {
  if (lost === 0) return [];
  const about = { ...MASS_DELETE, ...(name !== undefined && { path: name }) };
  if (sourceFiles === 0) {
    return [refusal(`the source is empty: ${lost} files were not marked deleted`, about)];
  }
  if (lost <= A_HANDFUL || lost <= massDeleteShare * livePaths) return [];
  return [
    refusal(`${lost} of ${livePaths} files are missing from the source and were not marked deleted`, about),
  ];
}

export interface RemovalFacts {
  /** Files that the state has, of those that were asked for. */
  readonly wanted: number;
  /** So many of them it had when it was looked at again, to find what it does not have. */
  readonly seen: number;
  /** Files of the source that it does not have. */
  readonly surplus: number;
}

/**
 * The reason to remove nothing from the source, or undefined. A destination that went away meanwhile would have all that was just
 * restored removed again. A moment before the first backup and a destination that
 * is not mounted look like a state without files: nobody wants a source to be brought back to that by accident.
 */
export function guardAgainstRemoval(
  { wanted, seen, surplus }: RemovalFacts,
  { massDeleteShare, allowMassDelete }: GuardSettings,
): RefusedError | undefined {
  if (surplus === 0) return undefined;
  if (seen < wanted) {
    return new RefusedError(
      "restore",
      `of ${wanted} files that were restored the destination shows ${seen} now: nothing was removed`,
      { code: "EINCOMPLETE", remedy: "see whether the destination is still there, all of it, and run again" },
    );
  }
  if (allowMassDelete) return undefined;
  if (wanted === 0) {
    return removalRefusal(`the backup has nothing of it at that moment: ${surplus} files were not removed`);
  }
  if (surplus > A_HANDFUL && surplus > massDeleteShare * (wanted + surplus)) {
    return removalRefusal(
      `${surplus} of ${wanted + surplus} files of the source are not in the backup at that moment and were not removed`,
    );
  }
  return undefined;
}

function removalRefusal(message: string): RefusedError {
  return new RefusedError("restore", message, {
    code: "EMASSDELETE",
    remedy: "check destination and moment; if the files are meant to go, run again with --allow-mass-delete",
  });
}

const MASS_DELETE = {
  code: "EMASSDELETE",
  remedy: "check the source; if the files are meant to be gone, run again with --allow-mass-delete",
};

function refusal(message: string, about: { code: string; remedy: string; path?: string } = MASS_DELETE) {
  return new RefusedError("source", message, about);
}
