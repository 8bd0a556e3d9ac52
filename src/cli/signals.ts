/** Signals end a command that has nothing to tidy up. */

export const SIGNALS = { SIGINT: 130, SIGTERM: 143 } as const;

/** `code`: the exit code of the signal that came, if one did. */
export function stopOnSignals(): { stopping: AbortController; code: () => number | undefined } {
  const stopping = new AbortController();
  let signalCode: number | undefined;
  for (const [signal, code] of Object.entries(SIGNALS)) {
    process.once(signal, () => {
      signalCode = code;
      stopping.abort();
    });
  }
  return { stopping, code: () => signalCode };
}
