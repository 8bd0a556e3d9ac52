/** All scenarios, by the name of their file. */

import { badScenarios } from "./bad.ts";
import { goodScenarios } from "./good.ts";
import type { Vector } from "./vector.ts";

/** `prepareCrypto("cha")` must have been awaited. */
export async function allScenarios(): Promise<Record<string, Vector>> {
  const good = await goodScenarios();
  return { ...good, ...badScenarios(good) };
}
