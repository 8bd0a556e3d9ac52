/**
 * What an ETag spares: reading an object for its md5. And what it is worth where the object is read: bytes that were damaged on
 * the way would be taken for the content, by every run to come.
 */
import { digestOf } from "../../crypto/digest.ts";
import { md5ToBase36 } from "../../names/stored-name.ts";
import type { Source, SourceFile } from "../../scan/source.ts";
import { ChangedMeanwhile, type StoreContext } from "./store-context.ts";
import type { SourceRef } from "./tasks.ts";

const HINTED_MD5 = /^[0-9a-f]{32}$/;

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

/** An S3 ETag that looks like an md5 is one, unless the bucket encrypts in certain ways: so it is only a guess. Canonical base 36. */
export function hintedMd5({ md5Hint }: SourceFile, { learned }: StoreContext): string | undefined {
  if (learned.etagsAreNoMd5 || md5Hint === undefined || !HINTED_MD5.test(md5Hint)) return undefined;
  return md5ToBase36(Buffer.from(md5Hint, "hex"));
}

/** What was read twice with this md5, and has another ETag, shows what ETags are here. */
export function learnFromEtag(md5: string, file: SourceFile, context: StoreContext): void {
  const hint = hintedMd5(file, context);
  if (hint !== undefined && hint !== md5) context.learned.etagsAreNoMd5 = true;
}

/** All of a small file. Where its ETag tells another md5, a second reading has to give the same. Throws `ChangedMeanwhile`. */
export async function readByEtag(file: SourceFile, context: StoreContext): Promise<Buffer> {
  const content = await file.readWhole(context.signal);
  const hint = hintedMd5(file, context);
  if (hint === undefined) return content;
  const md5 = md5ToBase36(digestOf("md5", content));
  if (md5 === hint) return content;
  const again = await file.readWhole(context.signal);
  if (!again.equals(content)) throw new ChangedMeanwhile();
  learnFromEtag(md5, file, context);
  return content;
}
