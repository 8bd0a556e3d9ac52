import { describe, expect, it, vi } from "vitest";
import { formatError, Output, type TextSink } from "../../src/cli/output.ts";
import { describe as describeProgress } from "../../src/cli/progress-line.ts";
import { exitCodeOf, summaryLines, verdict } from "../../src/cli/summary.ts";
import { formatBytes, formatCount, formatDuration } from "../../src/cli/units.ts";
import type { ErrorKind, ErrorReport } from "../../src/errors.ts";

const NOW = new Date(2026, 10, 20, 9, 5, 7);
const STAMP = "[2026-11-20T09:05:07] ";
const CLEAR = "\r\u001b[K";

class Sink implements TextSink {
  text = "";
  readonly isTTY: boolean;
  readonly columns?: number;
  private readonly log: string[];
  private readonly name: string;
  constructor(
    log: string[],
    name: string,
    { isTTY = false, columns }: { isTTY?: boolean; columns?: number } = {},
  ) {
    this.log = log;
    this.name = name;
    this.isTTY = isTTY;
    if (columns !== undefined) this.columns = columns;
  }
  write(text: string) {
    this.text += text;
    this.log.push(`${this.name}:${text}`);
  }
}

function opened(options: { isTTY?: boolean; columns?: number } = {}) {
  const log: string[] = [];
  const out = new Sink(log, "out", options);
  const err = new Sink(log, "err", options);
  return { output: new Output(out, err, () => NOW), out, err, log };
}

const failure: ErrorReport = {
  side: "source",
  kind: "failed",
  message: "cannot be read",
  path: "a\nb",
  remedy: "look\x1b",
};
const half = { files: 1, bytes: 500, worked: 500, totalFiles: 2, totalBytes: 1000 };

describe("output that is not a terminal", () => {
  it("has one stamped line per file, in order, and no progress", () => {
    const { output, out, err } = opened();
    output.info("Backing up");
    output.file("new", "a");
    output.progress(half);
    output.file("deleted", "b\nforged", "marked\n");
    output.warning("skipped", "p\\q");
    output.warning("no path");
    output.close();
    expect(out.text).toBe(
      [
        "Backing up",
        "new a",
        "deleted b\\nforged (marked\\n)",
        "warning: p\\\\q: skipped",
        "warning: no path",
      ]
        .map((line) => `${STAMP}${line}\n`)
        .join(""),
    );
    expect(err.text).toBe("");
  });

  it("puts each error on one line of stderr, after the lines before it", () => {
    const { output, out, err, log } = opened();
    output.file("new", "a");
    output.error(failure);
    output.file("new", "b");
    output.close();
    expect(err.text).toBe("error: source: a\\nb: cannot be read (look\\x1b)\n");
    expect(log.map((entry) => entry.slice(0, 4))).toEqual(["out:", "err:", "out:"]);
    expect(out.text).not.toContain("error");
  });

  it("names the side without a path where there is none", () => {
    expect(formatError({ side: "config", kind: "config", message: "bad\r" })).toBe("error: config: bad\\r");
  });

  it("writes in large pieces, yet holds nothing back for long", () => {
    vi.useFakeTimers();
    try {
      const { output, out, log } = opened();
      for (let i = 0; i < 10_000; i++) output.file("new", `file ${i}`);
      expect(log.length).toBeLessThan(20);
      output.file("new", "the last");
      vi.advanceTimersByTime(1000);
      expect(out.text.endsWith("new the last\n")).toBe(true);
      expect(out.text.split("\n")).toHaveLength(10_002);
      output.close();
      output.close();
      expect(out.text.split("\n")).toHaveLength(10_002);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe("a terminal", () => {
  it("shows progress and takes it away before a line, an error and the end", () => {
    const { output, out, err, log } = opened({ isTTY: true });
    output.progress(half);
    expect(out.text).toContain("1 of 2 files, 500 B of 1000 B");
    output.error(failure);
    expect(log.at(-2)).toBe(`out:${CLEAR}`);
    expect(err.text.startsWith("error")).toBe(true);
    output.file("new", "a");
    output.close();
    expect(out.text.endsWith(`${STAMP}new a\n`)).toBe(true); // nothing to clear: no progress came since
  });

  it("clears the line at the end", () => {
    const { output, out } = opened({ isTTY: true });
    output.progress(half);
    output.close();
    expect(out.text.endsWith(CLEAR)).toBe(true);
  });

  it("is never given a line that would wrap, nor one for every call", () => {
    const { output, out, log } = opened({ isTTY: true, columns: 20 });
    for (let i = 0; i < 1000; i++) output.progress(half);
    expect(log.length).toBeLessThan(10);
    for (const shown of out.text.split(CLEAR)) expect(shown.length).toBeLessThan(20);
  });
});

describe("the text of progress", () => {
  it("has the rate and the time left of what was worked on, not of what needed nothing", () => {
    expect(
      describeProgress(
        {
          files: 1200,
          bytes: 2 ** 40 + 2 ** 20,
          worked: 2 ** 20,
          totalFiles: 5000,
          totalBytes: 2 ** 40 + 3 * 2 ** 20,
        },
        1000,
      ),
    ).toBe("1,200 of 5,000 files, 1.0 TiB of 1.0 TiB, 1.0 MiB/s, 2.0 s left");
  });

  it("has no total before it is known, and no time left at the end or without a rate", () => {
    expect(describeProgress({ files: 1, bytes: 0, worked: 0 }, 0)).toBe("1 file, 0 B, 0 B/s");
    expect(describeProgress({ files: 0, bytes: 0, worked: 0, totalFiles: 1, totalBytes: 9 }, 50)).toBe(
      "0 of 1 file, 0 B of 9 B, 0 B/s",
    );
    expect(describeProgress({ files: 1, bytes: 9, worked: 9, totalFiles: 1, totalBytes: 9 }, 1000)).toBe(
      "1 of 1 file, 9 B of 9 B, 9 B/s",
    );
  });
});

describe("units", () => {
  it.each([
    [0, "0 B"],
    [1023, "1023 B"],
    [1023.7, "1.0 KiB"],
    [123.456, "123 B"],
    [1024, "1.0 KiB"],
    [1536, "1.5 KiB"],
    [1024 * 1024 - 1, "1.0 MiB"],
    [1023.9 * 1024, "1023.9 KiB"],
    [2 ** 40, "1.0 TiB"],
    [2 ** 60, "1024.0 PiB"],
  ])("shows %d bytes as %s", (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it.each([
    [0, "0.0 s"],
    [440, "0.4 s"],
    [9949, "9.9 s"],
    [9999, "10 s"],
    [59_400, "59 s"],
    [59_600, "1 min 00 s"],
    [185_000, "3 min 05 s"],
    [3_599_900, "1 h 00 min"],
    [7_620_000, "2 h 07 min"],
  ])("shows %d ms as %s", (milliseconds, text) => {
    expect(formatDuration(milliseconds)).toBe(text);
  });

  it("counts", () => {
    expect([0, 1, 1234567].map((count) => formatCount(count, "file"))).toEqual([
      "0 files",
      "1 file",
      "1,234,567 files",
    ]);
  });
});

describe("how a run ended", () => {
  const counts = (...kinds: ErrorKind[]) => new Map(kinds.map((kind) => [kind, 2] as const));

  it.each<[number, ErrorKind[]]>([
    [0, []],
    [1, ["failed"]],
    [5, ["failed", "refused"]],
    [3, ["refused", "failed", "damaged"]],
    [4, ["damaged", "wrong-password", "failed"]],
    [2, ["failed", "damaged", "wrong-password", "refused", "config"]],
    [130, ["interrupted"]],
  ])("is exit code %i for %j", (code, kinds) => {
    expect(exitCodeOf(counts(...kinds))).toBe(code);
    expect(exitCodeOf(counts(...kinds.reverse()))).toBe(code);
  });

  it("is said in a word, with all errors counted", () => {
    expect(verdict(new Map())).toBe("Done!");
    expect(verdict(counts("failed", "damaged"))).toBe("Done, with 4 errors");
  });

  it("is summed up by outcome, with bytes stored, time and rate", () => {
    const result = {
      errors: new Map(),
      milliseconds: 2000,
      processedBytes: 4096,
      storedBytes: 1024,
      sentBytes: 1024,
      manifests: 0,
    };
    expect(summaryLines({ ...result, outcomes: new Map([["new", { files: 2, bytes: 4096 }]]) })).toEqual([
      "  new: 2 files, 4.0 KiB",
      "  1.0 KiB stored, 2.0 s, 2.0 KiB/s",
    ]);
    expect(summaryLines({ ...result, sentBytes: 10, outcomes: new Map() }).at(-1)).toBe(
      "  1.0 KiB stored, 10 B sent, 2.0 s, 2.0 KiB/s",
    );
    // Without a word for them a run that stored nothing but metadata said that it stored something, and what was unchanged.
    expect(summaryLines({ ...result, manifests: 1, outcomes: new Map() }).at(-1)).toBe(
      "  1.0 KiB stored, 1 manifest, 2.0 s, 2.0 KiB/s",
    );
    expect(
      summaryLines({
        ...result,
        storedBytes: 0,
        sentBytes: 0,
        processedBytes: 0,
        milliseconds: 0,
        outcomes: new Map(),
      }),
    ).toEqual(["  nothing to do", "  0.0 s, 0 B/s"]);
  });
});
