import { type ExclusionSettings, Exclusions } from "../../src/scan/exclusions.ts";

/** Exclusions that leave nothing out but what is said. */
export function exclusionsOf(settings: Partial<ExclusionSettings> = {}): Exclusions {
  const none = {
    expressions: [],
    prefixes: [],
    exclude: [],
    include: [],
    caches: false,
    oneFileSystem: false,
  };
  return new Exclusions({ ...none, ...settings });
}
