import { readFileSync } from "node:fs";

/** The version of this build; run from its sources, the one in package.json. */
export function version(): string {
  const built = process.env.BACKUP_BUILD_VERSION;
  if (built !== undefined) return built;
  const file = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
