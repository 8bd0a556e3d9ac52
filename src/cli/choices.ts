/** Which versions a command is about: flags become a choice. */
import { ConfigError } from "../errors.ts";
import type { Choice } from "../plan/choice.ts";
import { parseMoment } from "../plan/moment.ts";

type Chosen = { readonly at: readonly string[]; readonly md5: string | undefined };

/** Which versions a command is about. Throws ConfigError for what is no moment, and for what excludes each other. */
export function choiceOf({ at, md5 }: Chosen, deleted: boolean): Choice {
  if ([at.length > 0, md5 !== undefined, deleted].filter(Boolean).length > 1) {
    throw new ConfigError("a moment, a version and deleted files exclude each other: give one of them");
  }
  if (md5 !== undefined && !/^[0-9a-f]{4,32}$/.test(md5)) {
    throw new ConfigError("must be 4 to 32 hexadecimal digits, in lower case", { path: "--version" });
  }
  const [moment] = momentsOf(at, 1);
  return { ...(moment !== undefined && { at: moment }), ...(md5 !== undefined && { md5 }), deleted };
}

/** Throws ConfigError. */
export function momentsOf(texts: readonly string[], most: number): number[] {
  if (texts.length > most) throw new ConfigError(`--at is given more than ${most === 1 ? "once" : "twice"}`);
  const now = new Date();
  return texts.map((text) => parseMoment(text, now));
}
