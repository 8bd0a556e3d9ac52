import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { CronSyntaxError } from "../../image/cron-expression.ts";
import { crontabSetting, DEFAULT_CRONTAB, fillIn, parseCrontab } from "../../image/crontab.ts";

describe("the setting CRONTAB", () => {
  test.each([undefined, "", "  "])("%j means every full hour", (value) => {
    expect(crontabSetting(value)).toBe(DEFAULT_CRONTAB);
  });

  test("a schedule is taken without the space around it", () => {
    expect(crontabSetting(" @daily\n")).toBe("@daily");
    expect(crontabSetting("*/5\t* * * *")).toBe("*/5\t* * * *");
  });

  test.each([
    "* * * * *\n* * * * * rm -rf /",
    "* * *\n* *",
    "* * * * *\r* * * * * id",
    "* * * * * id",
    "@hourly id",
    "$(id)",
    "PATH=/tmp",
  ])("%j cannot become a command, and is refused by name", (value) => {
    expect(() => crontabSetting(value)).toThrow(CronSyntaxError);
    expect(() => crontabSetting(value)).toThrow(/^CRONTAB: /);
  });
});

describe("the crontab", () => {
  const template = readFileSync(new URL("../../crontab", import.meta.url), "utf8");

  test("the one of the image is one backup on the setting's schedule", () => {
    const jobs = parseCrontab(fillIn(template, "5 4 * * *"));
    expect(jobs.map(({ schedule, command }) => [schedule, command])).toEqual([
      ["5 4 * * *", "/usr/local/bin/backup"],
    ]);
  });

  test("its commented example works once the comment sign is gone", () => {
    const uncommented = template.replace(/^# (?=0 4)/m, "");
    expect(parseCrontab(fillIn(uncommented, "@hourly")).map(({ command }) => command)).toEqual([
      "/usr/local/bin/backup",
      "/usr/local/bin/backup --verify",
    ]);
  });

  test("the setting is filled in at the start of a line only", () => {
    expect(fillIn("$CRONTAB a $CRONTAB b\n# $CRONTAB\n$CRONTABS c\n\t$CRONTAB d", "@daily")).toBe(
      "@daily a $CRONTAB b\n# $CRONTAB\n$CRONTABS c\n\t@daily d",
    );
  });

  test("lines keep their numbers past comments and blank lines", () => {
    const jobs = parseCrontab("# one\n\n@hourly backup --x && y\n  1 2 3 4 5\tsh -c 'a b'\n");
    expect(jobs.map(({ line, command }) => [line, command])).toEqual([
      [3, "backup --x && y"],
      [4, "sh -c 'a b'"],
    ]);
  });

  test.each([
    ["no job", "# only a comment\n", /no job/],
    ["no command", "* * * * *\n", /line 1/],
    ["an assignment", "\nPATH=/bin\n", /line 2/],
    ["a bad field", "@hourly a\n61 * * * * b", /line 2: "61" does not fit the field minute/],
    ["an unknown nickname", "@reboot a", /line 1/],
    ["a percent sign, which cron gives a meaning", "@hourly date +%s", /line 1: "%"/],
    ["the setting left unfilled", "$CRONTAB backup", /line 1/],
  ])("with %s is refused by its line", (_, text, message) => {
    expect(() => parseCrontab(text)).toThrow(message);
  });
});
