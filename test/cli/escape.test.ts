import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { escapeText } from "../../src/cli/escape.ts";
import { pathOfBytes } from "../../src/names/path-text.ts";
import { anyPath } from "../names/arbitraries.ts";
import { assertProperty } from "../property.ts";

describe("escaping", () => {
  it.each([
    ["plain name.txt", "plain name.txt"],
    ["caf\u00e9 \u65e5\u672c \u{1f600}", "caf\u00e9 \u65e5\u672c \u{1f600}"],
    ["back\\slash", "back\\\\slash"],
    ["line\nfeed", "line\\nfeed"],
    ["\r\t\0\x07", "\\r\\t\\x00\\x07"],
    ["\x1b[31mred\x1b]0;title\x07", "\\x1b[31mred\\x1b]0;title\\x07"],
    ["del\x7f", "del\\x7f"],
    ["\x9b31m", "\\u009b31m"], // the one-byte CSI, as a character
    ["\u202egnp.exe", "\\u202egnp.exe"], // right-to-left override
    ["\u2066\u2069\u200f\u061c", "\\u2066\\u2069\\u200f\\u061c"],
    ["zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"],
    ["soft\u00adhyphen", "soft\\u00adhyphen"],
    ["\u2028\u2029", "\\u2028\\u2029"],
    ["\u{e0041}tag", "\\u{e0041}tag"],
    [pathOfBytes(Buffer.from([0x61, 0xff, 0x80])), "a\\xff\\x80"],
    ["\ud800", "\\ud800"],
  ])("shows %j as %s", (text, shown) => {
    expect(escapeText(text)).toBe(shown);
  });

  it("tells the byte 0x85 from the character U+0085", () => {
    expect(escapeText(pathOfBytes(Buffer.from([0x85])))).not.toBe(escapeText("\u0085"));
  });

  it("shows two different paths differently, on one line and with nothing that acts", () => {
    const shown = new Map<string, string>();
    assertProperty(
      fc.property(anyPath(), (path) => {
        const text = escapeText(path);
        expect(text).toMatch(/^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]*$/u);
        expect(shown.get(text) ?? path).toBe(path);
        shown.set(text, path);
      }),
      { numRuns: 1000 },
    );
    for (let byte = 0x80; byte <= 0xff; byte++) {
      expect(escapeText(pathOfBytes(Buffer.of(byte)))).not.toBe(escapeText(String.fromCharCode(byte)));
    }
  });
});
