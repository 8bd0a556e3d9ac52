/**
 * The classic container: one stored object per file, as the older tool reads and writes it (docs/format.md,
 * section 3). `whole.ts` takes small files in memory, `stream-sealer.ts` and `open-stream.ts` any size in bounded
 * memory, `diagnose.ts` and `shape.ts` tell a wrong password from damage and from other settings.
 */

export { type Diagnosis, diagnose } from "./classic/diagnose.ts";
export { type ClassicSettings, maxStoredSize, rawSize, type Sealing, WHOLE_LIMIT } from "./classic/layout.ts";
export { openStream } from "./classic/open-stream.ts";
export { couldBeEncrypted, isBlank } from "./classic/shape.ts";
export { StreamSealer, type StreamSealerOptions } from "./classic/stream-sealer.ts";
export type { Expected } from "./classic/verify.ts";
export { openWhole, sealWhole } from "./classic/whole.ts";
