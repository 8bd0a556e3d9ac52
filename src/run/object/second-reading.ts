/**
 * What comes from a bucket may be damaged on the way, past the checksums of the connection. Nobody should remove a good object for
 * that, so one that looks damaged is read once more: what two readings say is so.
 */
import { DamagedError } from "../../errors.ts";
import type { OpenContext } from "./open-object.ts";

/** What a task that reads objects is given. */
export interface ReadingContext extends OpenContext {
  stopped(): boolean;
  progress(bytes: number): void;
}

/** Runs `read` with a context of its own, and again where it throws a `DamagedError`. Throws what it throws. */
export async function withSecondReading<C extends ReadingContext, T>(
  context: C,
  read: (context: C) => Promise<T>,
): Promise<T> {
  if (context.config.dest.kind !== "s3") return read(context);
  let told = 0;
  const progress = (bytes: number) => {
    told += bytes;
    context.progress(bytes);
  };
  try {
    return await read({ ...context, progress });
  } catch (error) {
    if (!(error instanceof DamagedError) || context.stopped()) throw error;
    context.progress(-told);
    return read(context);
  }
}
