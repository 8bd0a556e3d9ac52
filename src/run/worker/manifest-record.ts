/**
 * Telling metadata manifests from files of the source. In the segmented container the record's type says it, which is
 * authenticated; in the classic one the name alone, while metadata are on and such names are kept free.
 */
import { DamagedError, reportOf } from "../../errors.ts";
import { MANIFEST_MOST, type Manifest, parseManifest } from "../../metadata/manifest.ts";
import { MANIFEST_MTIME, parseManifestPath, unescapePath } from "../../names/manifest-name.ts";
import type { StoredVersion } from "../../names/stored-name.ts";
import { reservesNames } from "../../scan/open-source.ts";
import { explainMisfit } from "../object/misfit.ts";
import { isSegmentedObject, type OpenContext, readRecord } from "../object/open-object.ts";
import { type ReadingContext, withSecondReading } from "../object/second-reading.ts";
import type { ManifestOutcome, Task } from "./tasks.ts";

/** Whether a version may be a manifest, as far as its name says. */
export function mayBeManifest({ path, mtime, size }: StoredVersion): boolean {
  return mtime === MANIFEST_MTIME && size <= MANIFEST_MOST && parseManifestPath(path) !== undefined;
}

/**
 * The manifest in a version; undefined when the version is a file.
 *
 * @throws DamagedError for one that does not open, or is no manifest inside.
 */
export async function readManifest(
  version: StoredVersion,
  context: OpenContext,
): Promise<Manifest | undefined> {
  if (!mayBeManifest(version)) return undefined;
  const { plain, type } = await readRecord(version, context);
  if (type !== "manifest" && (type !== undefined || !context.config.metadata)) return undefined;
  try {
    return parseManifest(plain);
  } catch (error) {
    throw error instanceof DamagedError
      ? new DamagedError(error.message, { path: version.path, code: "EMANIFEST" })
      : error;
  }
}

/** Never throws. */
export async function manifestOutcome(
  { version }: Task & { do: "read-manifest" },
  context: ReadingContext,
): Promise<ManifestOutcome> {
  if (context.stopped()) return { kind: "stopped" };
  try {
    const manifest = await withSecondReading(context, (reading) => readManifest(version, reading));
    return manifest === undefined ? { kind: "file" } : { kind: "manifest", manifest };
  } catch (error) {
    if (context.stopped()) return { kind: "stopped" };
    const explained = await explainMisfit(error, version, context);
    return { kind: "failed", report: reportOf(explained, "destination", version.path) };
  }
}

/** Where a version is restored to: names that were kept out of the way of manifests become what they were. */
export async function originalPath(version: StoredVersion, context: OpenContext): Promise<string> {
  const path = unescapePath(version.path);
  if (path === version.path || reservesNames(context.config)) return path;
  return (await isSegmentedObject(version, context)) ? path : version.path;
}
