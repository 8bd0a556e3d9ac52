/**
 * What every command that reads a destination has around its work: opening, a signal that stops the workers, closing.
 */
import type { Config } from "../../config/config.ts";
import { InterruptedError } from "../../errors.ts";
import { type RunOptions, withDefaults } from "../run-options.ts";
import type { Tally } from "../tally.ts";
import { type OpenDestination, type OpenOptions, openDestination } from "./destination.ts";

/**
 * Opens the destination, does the work, and closes it whatever happened.
 * @throws what opening and the work throw; `InterruptedError` in its place after a signal
 */
export async function withDestination<T>(
  config: Config,
  options: RunOptions,
  tally: Tally,
  opening: OpenOptions,
  work: (destination: OpenDestination) => Promise<T>,
): Promise<T> {
  const complete = withDefaults(options);
  const { signal } = options;
  const storage = await complete.openStorage(config.dest, "destination");
  let destination: OpenDestination | undefined;
  const stop = () => destination?.workers.stop();
  signal.addEventListener("abort", stop);
  try {
    destination = await openDestination(config, storage, complete, tally, opening);
    const result = await work(destination);
    signal.throwIfAborted();
    return result;
  } catch (error) {
    throw signal.aborted ? new InterruptedError() : error;
  } finally {
    signal.removeEventListener("abort", stop);
    destination?.workers.stop();
    await destination?.workers.close();
    await storage.close();
  }
}
