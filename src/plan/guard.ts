/**
 * The guards against deletion by accident: of a backup because its source was not there, and of a source because the
 * state that it is brought back to is not there. Pure.
 */
import { RefusedError } from "../errors.ts";

export interface GuardFacts {
  /** Files that the scan saw. */
  readonly sourceFiles: number;
  /** Paths with a live version at the destination before this run. */
  readonly livePaths: number;
  /** Of these, how many are missing from the source and did not merely move. */
  readonly lost: number;
  /** Whether part of the source could not be listed. */
  readonly partial: boolean;
  /** Whether at its place there is nothing any more, or something else than when the run began. */
  readonly replaced: boolean;
  /** Files that had to be read. */
  readonly toRead: number;
  /** Of these, how many were not there any more. */
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
 * The reason to mark nothing as deleted, or undefined. Files under folders that could not be read are never marked,
 * whatever is allowed.
 */
export function guardAgainstLoss(facts: GuardFacts, settings: GuardSettings): RefusedError | undefined {
  const { sourceFiles, livePaths, lost, partial, replaced, toRead, gone } = facts;
  if (replaced) {
    return refusal("the source went away, or became another, while it was read: nothing was marked deleted", {
      code: "EREPLACED",
      remedy: "check that it is mounted, and run again",
    });
  }
  if (settings.allowMassDelete) return undefined;
  if (gone > A_HANDFUL && gone > settings.massDeleteShare * toRead) {
    return refusal(
      `${gone} of ${toRead} files were gone when they were to be read: nothing was marked deleted`,
    );
  }
  if (partial) return refusal("part of the source could not be listed: nothing was marked deleted");
  if (lost === 0) return undefined;
  if (sourceFiles === 0) return refusal(`the source is empty: ${lost} files were not marked deleted`);
  if (lost > A_HANDFUL && lost > settings.massDeleteShare * livePaths) {
    return refusal(`${lost} of ${livePaths} files are missing from the source and were not marked deleted`);
  }
  return undefined;
}

export interface RemovalFacts {
  /** Files that the state has, of those that were asked for. */
  readonly wanted: number;
  /** Files of the source that it does not have. */
  readonly surplus: number;
}

/**
 * The reason to remove nothing from the source, or undefined. A moment before the first backup and a destination that
 * is not mounted look like a state without files: nobody wants a source to be brought back to that by accident.
 */
export function guardAgainstRemoval(
  { wanted, surplus }: RemovalFacts,
  { massDeleteShare, allowMassDelete }: GuardSettings,
): RefusedError | undefined {
  if (allowMassDelete || surplus === 0) return undefined;
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

function refusal(
  message: string,
  about = {
    code: "EMASSDELETE",
    remedy: "check the source; if the files are meant to be gone, run again with --allow-mass-delete",
  },
): RefusedError {
  return new RefusedError("source", message, about);
}
