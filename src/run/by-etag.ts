/**
 * What an ETag spares: reading an object for its md5.
 */
import { md5ToBase36 } from "../names/stored-name.ts";
import type { Source, SourceFile } from "../scan/source.ts";
import type { SourceRef } from "./tasks.ts";

/** For a task: whether the ETag that a file was listed with may be taken for its md5. May read an object for that, once a run. */
export async function goesByEtag(source: Source, file: SourceRef): Promise<{ byEtag?: true }> {
  if (source.trustsEtag === undefined || file.manifest !== undefined) return {};
  return (await source.trustsEtag(file)) ? { byEtag: true } : {};
}

/** The md5 of a file that goes by its ETag, canonical base 36; undefined where it has to be read after all. */
export async function md5ByEtag(file: SourceFile): Promise<string | undefined> {
  const md5 = await file.toldMd5?.();
  return md5 === undefined ? undefined : md5ToBase36(Buffer.from(md5, "hex"));
}
