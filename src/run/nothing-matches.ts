/** What is reported of a path, folder or glob that nothing at the destination is selected by. */
import type { ErrorReport } from "../errors.ts";

export function nothingMatches(text: string, remedy: string): ErrorReport {
  return {
    side: "destination",
    kind: "failed",
    message: "nothing at the destination matches this",
    path: text,
    code: "ENOMATCH",
    remedy,
  };
}
