/** Rules: how some files are stored otherwise than the others. */
import type { ObjectRule, StorageConfig } from "./config.ts";
import type { Settings } from "./schema.ts";

/** The rules of a configuration; a problem for each that could have no effect. */
export function rulesOf(
  { rules, container, compression }: Settings,
  dest: StorageConfig | undefined,
  origin: (path: string) => string,
  problems: string[],
): { rules?: readonly ObjectRule[] } {
  if (!rules || rules.length === 0) return {};
  for (const [i, { encrypt, compress, storage_class }] of rules.entries()) {
    const place = origin(`rules[${i}]`);
    const says = encrypt !== undefined || compress !== undefined;
    if (!says && storage_class === undefined)
      problems.push(`${place} changes nothing: give it encrypt, compress or storage_class`);
    // Classic objects say nothing of themselves: a reader takes all of them to be made in the same way.
    if (says && container === "classic")
      problems.push(`${place}: encrypt and compress by rule need "container": "segmented"`);
    if (storage_class !== undefined && dest?.kind === "local")
      problems.push(`${place}: storage_class needs a bucket as dest`);
  }
  return {
    rules: rules.map(({ match, larger_than, smaller_than, encrypt, compress, storage_class }) => ({
      match,
      ...(larger_than !== undefined && { largerThan: larger_than }),
      ...(smaller_than !== undefined && { smallerThan: smaller_than }),
      ...(encrypt !== undefined && { encrypt }),
      ...(compress !== undefined && { compression: compress ? compression : "none" }),
      ...(storage_class !== undefined && { storageClass: storage_class }),
    })),
  };
}
