/** What is reported of a path, folder or glob by which nothing is selected. */
import type { ErrorReport } from "../../errors.ts";

export function nothingMatches(
  text: string,
  remedy: string,
  side: "source" | "destination" = "destination",
): ErrorReport {
  return {
    side,
    kind: "failed",
    message: `nothing at the ${side} matches this`,
    path: text,
    code: "ENOMATCH",
    remedy,
  };
}
