/** Telling of files by the paths that they have at the source, whatever they are stored under. */
import type { Config } from "../config/config.ts";
import { unescapePath } from "../names/manifest-name.ts";
import { reservesNames } from "./open-source.ts";
import type { Reporter } from "./reporter.ts";

/** What a run tells of names that were kept out of the way of manifests is told of the names that these are at the source. */
export function withOriginalNames(reporter: Reporter, config: Config): Reporter {
  if (!reservesNames(config)) return reporter;
  return {
    info: (text) => reporter.info(text),
    file: (action, path, note, bytes) => reporter.file(action, unescapePath(path), note, bytes),
    warning: (text, path) => reporter.warning(text, path && unescapePath(path)),
    error: (report) =>
      reporter.error(report.path === undefined ? report : { ...report, path: unescapePath(report.path) }),
    progress: (progress) => reporter.progress(progress),
  };
}
