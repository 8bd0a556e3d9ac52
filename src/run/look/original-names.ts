/** Telling of files by the paths that they have at the source, whatever they are stored under. */
import type { Config } from "../../config/config.ts";
import { unescapePath } from "../../names/manifest-name.ts";
import { reservesNames } from "../../scan/open-source.ts";
import type { Reporter } from "../reporter.ts";

/** What a file is called at the source, by the path that it is stored under. */
export function originalNames(config: Config): (stored: string) => string {
  return reservesNames(config) ? unescapePath : (stored) => stored;
}

/** What a run tells of names that were kept out of the way of manifests is told of the names that these are at the source. */
export function withOriginalNames(reporter: Reporter, config: Config): Reporter {
  const nameOf = originalNames(config);
  return {
    info: (text) => reporter.info(text),
    file: (action, path, note, bytes) => reporter.file(action, nameOf(path), note, bytes),
    warning: (text, path) => reporter.warning(text, path && nameOf(path)),
    error: (report) =>
      reporter.error(report.path === undefined ? report : { ...report, path: nameOf(report.path) }),
    progress: (progress) => reporter.progress(progress),
  };
}
