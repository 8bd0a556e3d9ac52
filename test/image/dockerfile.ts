/** Reads a Dockerfile into its instructions, as far as this project's own goes (Dockerfile reference, "Format"). */

export interface Instruction {
  /** In capitals: FROM, RUN, COPY... */
  readonly keyword: string;
  /** The rest of the line, continuations joined by a space. */
  readonly text: string;
  /** Where it begins, from 1. */
  readonly line: number;
}

/** Comments and blank lines are dropped, within a continued instruction too. */
export function parseDockerfile(text: string): Instruction[] {
  const instructions: Instruction[] = [];
  let open: { line: number; parts: string[] } | undefined;
  text.split("\n").forEach((raw, index) => {
    const line = raw.trim();
    if (line === "" || line.startsWith("#")) return;
    open ??= { line: index + 1, parts: [] };
    open.parts.push(line.replace(/\\$/, "").trim());
    if (line.endsWith("\\")) return;
    instructions.push(instructionOf(open.parts.join(" "), open.line));
    open = undefined;
  });
  if (open) throw new Error(`line ${open.line}: the instruction does not end`);
  return instructions;
}

function instructionOf(text: string, line: number): Instruction {
  const match = /^([A-Za-z]+)\s+(.+)$/.exec(text);
  if (!match?.[1] || !match[2]) throw new Error(`line ${line}: not an instruction`);
  return { keyword: match[1].toUpperCase(), text: match[2], line };
}

/** Splits `--name=value` options off the front. */
export function splitOptions(text: string): { options: Map<string, string>; rest: string[] } {
  const words = text.split(/\s+/);
  const options = new Map<string, string>();
  while (words[0]?.startsWith("--")) {
    const [name = "", value = ""] = (words.shift() ?? "").slice(2).split("=");
    options.set(name, value);
  }
  return { options, rest: words };
}

/** The `["a", "b"]` form of ENTRYPOINT and CMD; the shell form is refused (it would swallow signals). */
export function parseExecForm(text: string): string[] {
  const value: unknown = JSON.parse(text);
  if (Array.isArray(value) && value.every((word) => typeof word === "string")) return value;
  throw new Error(`not in exec form: ${text}`);
}
