import { expect, it } from "vitest";
import { formatStamp } from "../../src/names/stamp.ts";
import { historyOf } from "../../src/plan/history.ts";
import { planPurge } from "../../src/plan/purge.ts";
import { versionOf } from "./worlds.ts";

it.each([
  [19691231, "0000001"], // a clock that began at 0, west of Greenwich
  [17000101, "0000001"],
  [20240228, "s9lc000000001"],
  [99991231, "zzzzzzz0000001"],
])("a version that was marked deleted on %i can be condemned", (date, life) => {
  const history = historyOf([versionOf("f", { stamp: { form: "date", date } })]);
  const { restamp } = planPurge(history, history.lives, 1, 1_800_000_000);
  expect(restamp.map(({ stamp }) => formatStamp(stamp).slice(-life.length))).toEqual([life]);
});
