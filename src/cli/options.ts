/**
 * The command line: from arguments to what is to be done, or a `ConfigError`. Nothing that is unclear is ever
 * taken for a backup.
 *
 * yargs lays out the help, and is loaded for that alone: taking the arguments apart would cost each run 20 ms more. Flags
 * are resolved first, so that prefixes work and no message repeats a value.
 */
import { nearest, quoted } from "../config/text.ts";
import { ConfigError } from "../errors.ts";
import type { CommandLine } from "./command-line.ts";
import { COMMANDS, type Command } from "./command-table.ts";
import { FLAGS, type Flag } from "./flags.ts";

export type { CommandLine, Overwrite } from "./command-line.ts";

const ALL_FLAGS: readonly Flag[] = Object.values(FLAGS);

/**
 * Understands the arguments after the command's name.
 * @throws ConfigError with one line per problem
 */
export async function parseCommandLine(argv: readonly string[]): Promise<CommandLine> {
  const problems: string[] = [];
  const { args, flags } = resolveFlags(argv, problems);
  if (flags.has(FLAGS.version)) return { command: "version" };
  if (flags.has(FLAGS.help)) {
    const { helpText } = await import("./help.ts");
    const wanted = COMMANDS.find(({ verb, flag }) => args[0] === verb || has(flags, flag));
    return { command: "help", text: await helpText(wanted) };
  }
  reportLackingValues(args, problems);
  if (problems.length > 0) throw usageError(problems);
  const { positionals, values } = takeApart(args);
  const command = chooseCommand(positionals, flags, problems);
  const operands = takeOperands(command, positionals, problems);
  checkFlags(command, flags, values, problems);
  if (problems.length > 0 || command === undefined) throw usageError(problems);
  return command.build({
    has: (flag) => flags.has(flag),
    values: (flag) => values.get(flag.name) ?? [],
    operands,
  });
}

function usageError(problems: readonly string[]): ConfigError {
  return new ConfigError(problems.join("\n"), { remedy: "backup --help shows what there is" });
}

function has(flags: ReadonlySet<Flag>, flag: Flag | undefined): boolean {
  return flag !== undefined && flags.has(flag);
}

/** Gives every flag its full name. What comes after `--` is no flag. */
function resolveFlags(argv: readonly string[], problems: string[]): { args: string[]; flags: Set<Flag> } {
  const flags = new Set<Flag>();
  const args: string[] = [];
  const end = argv.indexOf("--");
  const given = end < 0 ? argv : argv.slice(0, end);
  for (const [i, arg] of argv.entries()) {
    if (!arg.startsWith("-") || arg === "-" || i >= given.length) {
      args.push(arg);
      continue;
    }
    const equals = arg.indexOf("=");
    const name = equals < 0 ? arg : arg.slice(0, equals);
    const flag: Flag | undefined = isOfFile(arg, args, given) ? FLAGS.md5 : flagNamed(name, problems);
    if (flag === undefined) continue;
    flags.add(flag);
    const value = equals < 0 ? undefined : arg.slice(equals + 1);
    if (value !== undefined && flag.takes === "switch") problems.push(`--${flag.name} takes no value`);
    else if (value === "") problems.push(lacksValue(flag));
    else {
      const told = value ?? flag.implied;
      args.push(told === undefined ? `--${flag.name}` : `--${flag.name}=${told}`);
    }
  }
  return { args, flags };
}

/**
 * `--version` with a value, behind a verb that takes a version of a file, or beside the flag for one, means that; otherwise
 * that of this tool, which ends the run before it began.
 */
function isOfFile(arg: string, before: readonly string[], given: readonly string[]): boolean {
  if (arg !== "--version") return arg.startsWith("--version=");
  return COMMANDS.some(
    ({ verb, flag, flags }) =>
      flags.includes(FLAGS.md5) &&
      (before.includes(verb) || (flag !== undefined && given.includes(`--${flag.name}`))),
  );
}

function flagNamed(given: string, problems: string[]): Flag | undefined {
  if (!given.startsWith("--")) {
    const short = ALL_FLAGS.find((flag) => flag.short !== undefined && given === `-${flag.short}`);
    if (short !== undefined) return short;
    problems.push(`unknown flag ${quoted(given)}: flags begin with --`);
    return undefined;
  }
  const name = given.slice(2);
  const begun = ALL_FLAGS.filter((flag) => flag.name.startsWith(name));
  const flag =
    begun.find((candidate) => candidate.name === name) ?? (begun.length === 1 ? begun[0] : undefined);
  if (flag !== undefined) return flag;
  if (begun.length > 1) {
    problems.push(
      `${quoted(given)} can mean ${begun.map((candidate) => `--${candidate.name}`).join(" or ")}`,
    );
    return undefined;
  }
  const meant = nearest(
    name,
    ALL_FLAGS.map((candidate) => candidate.name),
  );
  problems.push(`unknown flag ${quoted(given)}${meant === undefined ? "" : `: did you mean --${meant}?`}`);
  return undefined;
}

/** Verbs and other words, and the values of the flags that take some; both as text, untouched. */
function takeApart(args: readonly string[]): { positionals: string[]; values: Map<string, string[]> } {
  const positionals: string[] = [];
  const values = new Map<string, string[]>();
  const rest = [...args];
  for (let arg = rest.shift(); arg !== undefined; arg = rest.shift()) {
    if (arg === "--") {
      positionals.push(...rest.splice(0));
      continue;
    }
    const flag = ALL_FLAGS.find(({ name }) => arg === `--${name}` || arg?.startsWith(`--${name}=`));
    if (flag === undefined) {
      positionals.push(arg);
      continue;
    }
    if (flag.takes === "switch") continue;
    const given = values.get(flag.name) ?? [];
    values.set(flag.name, given);
    const equals = arg.indexOf("=");
    if (equals >= 0) given.push(arg.slice(equals + 1));
    else given.push(rest.shift() ?? "");
    while (flag.takes === "many" && rest[0]?.startsWith("-") === false) given.push(rest.shift() ?? "");
  }
  return { positionals, values };
}

/** Flags that lack their value: yargs would take the next flag for it. */
function reportLackingValues(args: readonly string[], problems: string[]): void {
  for (const [i, arg] of args.entries()) {
    if (arg === "--") return;
    const flag = ALL_FLAGS.find(({ name }) => arg === `--${name}`);
    if (flag === undefined || flag.takes === "switch") continue;
    const next = args[i + 1];
    if (next === undefined || next === "" || next.startsWith("--")) problems.push(lacksValue(flag));
  }
}

function lacksValue(flag: Flag): string {
  return `--${flag.name} needs a value (${flag.value})`;
}

function chooseCommand(
  positionals: readonly string[],
  flags: ReadonlySet<Flag>,
  problems: string[],
): Command | undefined {
  const [verb] = positionals;
  const byFlag = COMMANDS.filter(({ flag }) => has(flags, flag));
  if (verb === undefined) {
    if (byFlag.length < 2) return byFlag[0] ?? COMMANDS[0];
    problems.push(`${byFlag.map(({ flag }) => `--${flag?.name}`).join(" and ")} exclude each other`);
    return undefined;
  }
  const byVerb = COMMANDS.find((command) => command.verb === verb);
  if (byVerb === undefined) {
    const verbs = COMMANDS.map((command) => command.verb);
    const meant = nearest(verb, verbs);
    problems.push(
      `unknown verb ${quoted(verb)}: ${meant === undefined ? `there are ${verbs.join(", ")}` : `did you mean ${meant}?`}`,
    );
    return undefined;
  }
  for (const other of byFlag) {
    if (other !== byVerb) problems.push(`${verb} and --${other.flag?.name} exclude each other`);
  }
  return byVerb;
}

/** The words behind the verb, for a command that takes some; any other is a problem. */
function takeOperands(
  command: Command | undefined,
  positionals: readonly string[],
  problems: string[],
): readonly string[] {
  const words = positionals.slice(1);
  const { name, many = false, needed = false } = command?.operands ?? {};
  const taken = words.splice(0, name === undefined ? 0 : many ? words.length : 1);
  for (const word of words) problems.push(`${quoted(word)} stands alone: it belongs to no flag`);
  if (needed && !taken[0]) problems.push(`${command?.verb} needs a ${name}`);
  if (taken.includes("")) problems.push(`a ${name} is empty`);
  return taken;
}

function checkFlags(
  command: Command | undefined,
  flags: ReadonlySet<Flag>,
  values: ReadonlyMap<string, readonly string[]>,
  problems: string[],
): void {
  for (const flag of flags) {
    const given = values.get(flag.name) ?? [];
    if (given.includes("")) problems.push(lacksValue(flag));
    if (flag.takes === "one" && !flag.repeats && new Set(given).size > 1)
      problems.push(`--${flag.name} is given twice`);
    if (flag.choices !== undefined && given.some((value) => !flag.choices?.includes(value))) {
      problems.push(`--${flag.name} must be ${flag.choices.join(", ")}`);
    }
    const isMode = COMMANDS.some((other) => other.flag === flag);
    if (command !== undefined && !isMode && !command.flags.includes(flag)) {
      const wants = COMMANDS.filter((other) => other.flags.includes(flag)).map(({ verb }) => verb);
      problems.push(
        `--${flag.name} belongs to ${wants.join(", ")}, not to ${command.verb}: nothing was done`,
      );
    }
  }
}
