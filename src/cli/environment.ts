/** The environment, which settings come from and which the commands that a run starts (getfattr, perl, sync) inherit. */
import { secretVariables } from "../config/keys.ts";

/** The environment as it is; from now on that of this process, and of all that it starts, is without our secrets. */
export function takeEnvironment(): NodeJS.ProcessEnv {
  const env = { ...process.env };
  for (const name of secretVariables()) delete process.env[name];
  return env;
}
