/**
 * Showing names and messages from outside on a terminal or in a log, so that they can neither act nor lie.
 *
 * Control characters (a newline would forge a log line, an escape sequence would reprogram the terminal), characters
 * that reorder or hide text, and bytes that are not UTF-8 are shown as escapes. A backslash is shown as two, so what
 * is shown is unambiguous.
 */

/** Controls, format characters (bidirectional, zero-width), lone surrogates, line and paragraph separators. */
const UNSAFE = /[\\\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

const SHORT: Record<string, string> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

/** The text as it may be shown. */
export function escapeText(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const short = SHORT[character];
    if (short !== undefined) return short;
    const code = character.codePointAt(0) ?? 0;
    // A byte that is not UTF-8 (path-text.ts) is shown as the byte it is.
    if (code >= 0xdc80 && code <= 0xdcff) return `\\x${(code - 0xdc00).toString(16)}`;
    // Up to 0x7f a character and its byte are the same; above, `\\x` is left to bytes.
    if (code <= 0x7f) return `\\x${code.toString(16).padStart(2, "0")}`;
    return code <= 0xffff ? `\\u${code.toString(16).padStart(4, "0")}` : `\\u{${code.toString(16)}}`;
  });
}
