/** What `backup find` matches: globs on the whole path, or on the last component where the glob has no slash. */
import { globOf } from "../patterns/globs.ts";

export function findSelection(patterns: readonly string[]): (path: string) => boolean {
  const globs = patterns.map((given) => {
    const pattern = given.replace(/^\.\//, "");
    return { matches: globOf(pattern), whole: given.includes("/") };
  });
  return (path) => {
    const name = path.slice(path.lastIndexOf("/") + 1);
    return globs.some(({ matches, whole }) => matches(whole ? path : name));
  };
}
