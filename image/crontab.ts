/**
 * The schedule of the image: a crontab file (crontab(5)), in which `$CRONTAB` stands for the setting of that name.
 *
 * One line is one job: five fields or a nickname, then a command for `sh`. Blank lines and lines that begin with
 * `#` are comments. What Debian's cron would do with an unescaped `%` (standard input) or with assignments is not
 * offered, and is refused rather than misread: what is accepted here means the same to Debian's cron.
 */

import { type CronExpression, CronSyntaxError, parseCron } from "./cron-expression.ts";

export const DEFAULT_CRONTAB = "0 * * * *";

export interface Job {
  /** Line of the file, from 1; names the job in messages, which never show the command. */
  readonly line: number;
  /** The schedule as written, after substitution. */
  readonly schedule: string;
  readonly expression: CronExpression;
  readonly command: string;
}

/**
 * Checks the value of `CRONTAB`; absent or empty means every full hour.
 * @throws CronSyntaxError unless it is one line that is a schedule and nothing else: it is pasted into a file of
 *   commands, so a second line or a sixth field would be a command of its own.
 */
export function crontabSetting(value: string | undefined): string {
  const text = value === undefined || value.trim() === "" ? DEFAULT_CRONTAB : value.trim();
  if (/[\0\n\r\v\f]/.test(text)) throw new CronSyntaxError("CRONTAB: write one line, five fields");
  try {
    parseCron(text);
  } catch (error) {
    if (error instanceof CronSyntaxError) throw new CronSyntaxError(`CRONTAB: ${error.message}`);
    throw error;
  }
  return text;
}

/** The file with `$CRONTAB` filled in: what Debian's cron would be given. */
export function fillIn(template: string, setting: string): string {
  return template.replace(/^([ \t]*)\$CRONTAB(?=[ \t])/gm, (_, indent: string) => indent + setting);
}

/** @throws CronSyntaxError naming the line, or when the file has no job at all. */
export function parseCrontab(text: string): Job[] {
  const jobs = text.split("\n").flatMap((line, index) => {
    const trimmed = line.trim();
    return trimmed === "" || trimmed.startsWith("#") ? [] : [parseLine(trimmed, index + 1)];
  });
  if (jobs.length === 0) throw new CronSyntaxError("the crontab has no job: write a line `$CRONTAB backup`");
  return jobs;
}

function parseLine(text: string, line: number): Job {
  const match = /^(@\w+|(?:\S+[ \t]+){4}\S+)[ \t]+(\S.*)$/.exec(text);
  const [, schedule, command] = match ?? [];
  if (schedule === undefined || command === undefined) {
    throw new CronSyntaxError(`crontab line ${line}: write five fields or @hourly, then a command`);
  }
  if (command.includes("%"))
    throw new CronSyntaxError(`crontab line ${line}: "%" is not supported in a command`);
  try {
    return { line, schedule, command, expression: parseCron(schedule) };
  } catch (error) {
    if (error instanceof CronSyntaxError) throw new CronSyntaxError(`crontab line ${line}: ${error.message}`);
    throw error;
  }
}
