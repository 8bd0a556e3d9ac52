/**
 * The reporter that prints: one line per file on stdout, one line per error on stderr, and on a terminal a line that
 * shows how far the run has come.
 *
 * Lines are gathered and written together: a run over a hundred thousand files would otherwise spend its time in
 * writes. Errors go out at once.
 */
import type { ErrorReport } from "../errors.ts";
import type { Progress, Reporter } from "../run/reporter.ts";
import { escapeText } from "./escape.ts";
import { ProgressLine } from "./progress-line.ts";

/** As much of a stream as output needs. */
export interface TextSink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

const FLUSH_CHARACTERS = 32 * 1024;
const FLUSH_MS = 200;

export class Output implements Reporter {
  private readonly out: TextSink;
  private readonly err: TextSink;
  private readonly now: () => Date;
  private readonly progressLine: ProgressLine | undefined;
  private lines = "";
  private timer: NodeJS.Timeout | undefined;

  constructor(out: TextSink, err: TextSink, now: () => Date = () => new Date()) {
    this.out = out;
    this.err = err;
    this.now = now;
    this.progressLine = out.isTTY === true ? new ProgressLine(out) : undefined;
  }

  info(text: string): void {
    this.line(escapeText(text));
  }

  file(action: string, path: string, note?: string): void {
    this.line(`${action} ${escapeText(path)}${note === undefined ? "" : ` (${escapeText(note)})`}`);
  }

  warning(text: string, path?: string): void {
    this.line(`warning: ${path === undefined ? "" : `${escapeText(path)}: `}${escapeText(text)}`);
  }

  error(report: ErrorReport): void {
    this.flush();
    this.progressLine?.clear();
    this.err.write(`${formatError(report)}\n`);
  }

  progress(progress: Progress): void {
    this.progressLine?.show(progress);
  }

  /** Writes what is gathered and takes the progress line away. */
  close(): void {
    this.flush();
    this.progressLine?.clear();
  }

  private line(text: string): void {
    this.lines += `[${timestamp(this.now())}] ${text}\n`;
    if (this.lines.length >= FLUSH_CHARACTERS) this.flush();
    else this.timer ??= setTimeout(() => this.flush(), FLUSH_MS).unref();
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    if (this.lines === "") return;
    this.progressLine?.clear();
    this.out.write(this.lines);
    this.lines = "";
  }
}

/** For commands whose product is on stdout: warnings and errors on stderr, nothing else. */
export class StderrReporter implements Reporter {
  private readonly err: TextSink;

  constructor(err: TextSink) {
    this.err = err;
  }

  info(): void {}

  file(): void {}

  progress(): void {}

  warning(text: string, path?: string): void {
    this.err.write(`warning: ${path === undefined ? "" : `${escapeText(path)}: `}${escapeText(text)}\n`);
  }

  error(report: ErrorReport): void {
    this.err.write(`${formatError(report)}\n`);
  }
}

/** One line: which side, which file, what happened, what to do. */
export function formatError({ side, message, path, remedy }: ErrorReport): string {
  const where = path === undefined ? "" : `${escapeText(path)}: `;
  const advice = remedy === undefined ? "" : ` (${escapeText(remedy)})`;
  return `error: ${side}: ${where}${escapeText(message)}${advice}`;
}

/** Local time without a zone, as the older tool writes it. */
function timestamp(now: Date): string {
  const local = new Date(now.getTime() - now.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 19);
}
