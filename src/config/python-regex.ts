/**
 * Python's regular expressions, as existing configurations hold them in `ignore_regex`, in JavaScript.
 *
 * They are translated, not passed on: the two dialects agree on most of what people write, and differ in silence
 * on the rest (`$`, `\w`, `\s`, `(?i)`, references). What cannot be done alike is refused. The differences that a
 * reader has to know are in docs/configuration.md; the tests compare with Python itself.
 */

import { ConfigError } from "../errors.ts";
import { emitJavaScript } from "./python-regex/emit.ts";
import { parsePythonRegex } from "./python-regex/parse.ts";
import { RegexSyntaxError } from "./python-regex/syntax.ts";
import { quoted } from "./text.ts";

/**
 * A JavaScript expression for which `regex.test(path)` is what `re.match(expression, path) is not None` is in
 * Python 3.11: it matches at the start of the path and need not reach its end.
 *
 * @param key names the setting in the message, `ignore_regex[0]` say
 * @throws ConfigError naming the key, the expression and the position
 */
export function compilePythonRegex(expression: string, key: string): RegExp {
  try {
    const regex = new RegExp(`^(?:${emitJavaScript(parsePythonRegex(expression))})`, "v");
    regex.test(""); // the engine compiles at the first use, and only then finds an expression too large
    return regex;
  } catch (error) {
    const problem =
      error instanceof RegexSyntaxError
        ? `, character ${error.position + 1}: ${error.message}`
        : ": it is too large, or nested too deeply";
    throw new ConfigError(`${key}: ${quoted(expression)}${problem}`, {
      remedy: "write it as Python's re module takes it; docs/configuration.md lists what is left out",
      cause: error,
    });
  }
}
