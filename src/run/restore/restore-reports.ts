/** What a restore has to report beside the failures of single files. */

/** @param folder that has files, but not all of its manifests. */
export function lostManifest(folder: string) {
  return {
    side: "destination",
    kind: "failed",
    message:
      "the metadata of this folder are not, or not all, in the backup: its files were restored without",
    path: folder,
    code: "ENOMANIFEST",
  } as const;
}

/** @param path undefined: of all that was selected. */
export function noSuchVersion(md5: string, path?: string) {
  return {
    side: "destination",
    kind: "failed",
    message: `no version has an md5 that begins with ${md5}`,
    ...(path !== undefined && { path }),
    code: "ENOMATCH",
    remedy: "backup list --all-versions shows those there are",
  } as const;
}

export function ambiguousVersion(path: string) {
  return {
    side: "destination",
    kind: "failed",
    message: "several of its versions have an md5 that begins so",
    path,
    code: "EAMBIGUOUS",
    remedy: "give more digits: backup list --all-versions shows them",
  } as const;
}
