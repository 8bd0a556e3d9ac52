/** What is reported where a destination that is to be read holds not one object of this tool. */
import type { ErrorReport } from "../../errors.ts";
import type { Storage } from "../../storage/storage.ts";

/** A disk that is not mounted and a mistyped folder look like this: that must not pass for a backup in good order. */
export function nothingStored({ location }: Storage): ErrorReport {
  return {
    side: "destination",
    kind: "refused",
    message: "nothing is stored there",
    path: location,
    code: "EEMPTY",
    remedy: "check that `dest` is right and what it names is mounted, and that there has been a backup",
  };
}
