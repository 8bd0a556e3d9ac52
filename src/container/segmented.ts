/**
 * The segmented container: one stored object per file that says what it is, opens at any position, and is continued
 * by its next version (docs/format.md, sections 5 to 9).
 *
 * `sealSmall` and `openSmall` take small files in memory and synchronously; `FileSealer`, `openStream` and
 * `openRange` any size in bounded memory; `DeltaWriter` and `rewriteTrailer` make the next version of an object.
 */

export { type BlockSealer, type SealedBlock, sealBlock, weakSum } from "./segmented/block.ts";
export { BlockJobs } from "./segmented/block-jobs.ts";
export type { Extent, ExtentTable } from "./segmented/extents.ts";
export { type Layer, layerOf } from "./segmented/failure.ts";
export {
  type Field,
  sizeOfFields,
  tombstoneField,
  tombstonePeriod,
  userMetadata,
  userMetadataField,
  withUserMetadata,
} from "./segmented/fields.ts";
export {
  HEADER_MOST,
  type Header,
  hasMagic,
  MAGIC,
  parseHeader,
  type ReadPolicy,
  unlockHeader,
} from "./segmented/header.ts";
export { blockLogFor, isSigned, maxStoredSize, SOLID_MOST } from "./segmented/layout.ts";
export { LOCATOR_BYTES, parseLocator, TAIL_BYTES, trailerIn } from "./segmented/locator.ts";
export { Matcher, type MatchOptions } from "./segmented/match.ts";
export type { MatchPlan, MatchStep } from "./segmented/match-plan.ts";
export {
  DeltaWriter,
  type Renaming,
  rewriteTrailer,
  tailBytes,
} from "./segmented/next-version.ts";
export {
  type ExpectedRecord,
  type OpenedObject,
  openObject,
  openStored,
  type Reading,
  type ReadRange,
} from "./segmented/object.ts";
export {
  openRange,
  openSmall,
  openStream,
} from "./segmented/open.ts";
export { openRun, readRuns, type SealedRun, type StoredRun } from "./segmented/open-run.ts";
export type { ReadOptions, RunOpener } from "./segmented/read-pieces.ts";
export { type SealPlanOptions, sealPlan } from "./segmented/seal-plan.ts";
export {
  type SealedObject,
  type SealMeta,
  type SealSettings,
  sealSmall,
  sealTombstone,
} from "./segmented/seal-small.ts";
export { FileSealer, type StreamSettings } from "./segmented/seal-stream.ts";
export { SNIFF_BYTES, type Sniffed, sniffContainer } from "./segmented/sniff.ts";
export type { RecordMeta, RecordType, Trailer } from "./segmented/trailer.ts";
