/**
 * Tombstones: small objects that mark another one as retired (docs/format.md, sections 2.1 and 9). They are of the
 * segmented container whatever the configuration names, since only that can authenticate what they say.
 */
import type { Config } from "../../config/config.ts";
import { sealTombstone, tombstoneField } from "../../container/segmented.ts";
import type { SegmentedKeyRing } from "../../crypto/segmented-key-ring.ts";
import type { Period } from "../../names/stamp.ts";
import { md5FromBase36, type NameFields } from "../../names/stored-name.ts";
import { contentKeys } from "../object/keys.ts";

export type TombstoneSealer = (fields: NameFields & { readonly stamp: Period }) => Buffer;

/** @param salt of this run's objects; undefined where nothing is encrypted. Its key is derived at the first tombstone. */
export function tombstoneSealer(
  config: Config,
  ring: SegmentedKeyRing,
  salt: Uint8Array | undefined,
): TombstoneSealer {
  return ({ path, mtime, size, md5, stamp }) =>
    sealTombstone(
      {
        type: "tombstone",
        path,
        mtime,
        size,
        md5: md5FromBase36(md5),
        fields: [tombstoneField(stamp.began, stamp.ceased)],
      },
      {
        keys: contentKeys(config, ring, salt),
        compression: { codec: "none", zstdLevel: 1, lzmaLevel: 0, gzipLevel: 0 },
      },
    );
}
