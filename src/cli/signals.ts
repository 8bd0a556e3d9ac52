/** Signals end a command: the first one asks it to, another one does it at once. */

const CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** npm, timeout(1) and terminals send one signal twice: to the process, and to its group. */
const SAME_SIGNAL_MS = 500;

export interface Stopping {
  /** Aborted by the first signal. Others may abort it, too. */
  readonly controller: AbortController;
  /** The exit code of the signal that came, if one did. */
  code(): number | undefined;
  /** From now on signals do what they do by themselves, unless one has come: its repetition ends nothing. */
  done(): void;
}

/** @param onSignal told of the first one, before anything is aborted. */
export function stopOnSignals(onSignal: (signal: NodeJS.Signals) => void = () => {}): Stopping {
  const controller = new AbortController();
  let code: number | undefined;
  let cameAt = 0;
  const listener = (signal: NodeJS.Signals) => {
    if (code !== undefined) {
      // A second one is meant: leave at once, the next run clears up.
      if (performance.now() - cameAt > SAME_SIGNAL_MS) process.exit(code);
      return;
    }
    cameAt = performance.now();
    code = CODES[signal as keyof typeof CODES];
    onSignal(signal);
    controller.abort();
  };
  for (const signal of Object.keys(CODES)) process.on(signal, listener);
  return {
    controller,
    code: () => code,
    done: () => {
      if (code === undefined) for (const signal of Object.keys(CODES)) process.off(signal, listener);
    },
  };
}
