import { describe, expect, it } from "vitest";
import type { ErrorReport } from "../../src/errors.ts";
import type { Progress, Reporter } from "../../src/run/reporter.ts";
import { Tally } from "../../src/run/tally.ts";

const MIB = 2 ** 20;

function counted() {
  const shown: Progress[] = [];
  const errors: ErrorReport[] = [];
  const reporter: Reporter = {
    info() {},
    file() {},
    warning() {},
    error: (report) => errors.push(report),
    progress: (progress) => shown.push(progress),
  };
  return { tally: new Tally(reporter), shown, errors };
}

describe("the tally", () => {
  it("adds up files and bytes by outcome", () => {
    const { tally, shown } = counted();
    tally.count("new", 10, { stored: 4, processed: 10 });
    tally.count("new", 20, { stored: 6, processed: 20 });
    tally.countMany("unchanged", 1000, 5000);
    tally.add("deleted", 7);
    const result = tally.result();
    expect(Object.fromEntries(result.outcomes)).toEqual({
      new: { files: 2, bytes: 30 },
      unchanged: { files: 1000, bytes: 5000 },
      deleted: { files: 1, bytes: 7 },
    });
    expect(result).toMatchObject({ storedBytes: 10, processedBytes: 30 });
    // What was removed at the destination is no file of the source.
    expect(shown.at(-1)).toMatchObject({ files: 1002, bytes: 5030, worked: 30 });
    expect(tally.of("never")).toEqual({ files: 0, bytes: 0 });
  });

  it("counts failures by kind and passes each on", () => {
    const { tally, errors } = counted();
    expect(tally.failed).toBe(false);
    for (const kind of ["failed", "damaged", "failed"] as const)
      tally.error({ side: "source", kind, message: kind });
    expect(tally.failed).toBe(true);
    expect(Object.fromEntries(tally.result().errors)).toEqual({ failed: 2, damaged: 1 });
    expect(errors.length).toBe(3);
  });

  it("shows a large file as it grows; small ones that end meanwhile take nothing from it", () => {
    const { tally, shown } = counted();
    tally.expect(3, 200 * MIB);
    tally.partial(50 * MIB);
    tally.count("new", 5 * MIB, { processed: 5 * MIB });
    expect(shown.at(-1)).toMatchObject({
      files: 1,
      bytes: 55 * MIB,
      worked: 55 * MIB,
      totalBytes: 200 * MIB,
    });
    tally.partial(50 * MIB);
    tally.count("new", 100 * MIB, { processed: 100 * MIB });
    expect(shown.at(-1)).toMatchObject({ files: 2, bytes: 105 * MIB, worked: 105 * MIB });
  });

  it("forgets the bytes of a large file that failed, or that starts again", () => {
    const { tally, shown } = counted();
    tally.partial(60 * MIB);
    tally.partial(-60 * MIB);
    tally.partial(40 * MIB);
    expect(shown.at(-1)?.bytes).toBe(40 * MIB);
    tally.count("failed", 60 * MIB);
    expect(shown.at(-1)).toMatchObject({ bytes: 60 * MIB, worked: 0 });
  });
});
