/** The text of `--help`. */
import yargs from "yargs";
import { COMMANDS, type Command } from "./command-table.ts";
import { FLAGS, type Flag } from "./flags.ts";

const EXIT_CODES = `Exit status:
    0  all is well
    1  some files failed; the others are done
    2  the configuration or the command line is wrong; nothing was touched
    3  stored files are damaged
    4  the password opens nothing at the destination; nothing was touched
    5  a safety guard refused: it looked like an accident
  129, 130, 143  interrupted by SIGHUP, SIGINT, SIGTERM

Settings: config.json.example and docs/configuration.md.`;

/** @param command that of one command; undefined: the whole */
export async function helpText(command: Command | undefined): Promise<string> {
  const parser = yargs()
    .scriptName("backup")
    .help(false)
    .version(false)
    .wrap(100)
    .locale("en")
    .usage(
      command === undefined
        ? "backup [VERB] [FLAG...]"
        : `backup ${command.verb}${operandText(command)} [FLAG...]`,
    )
    .epilogue(EXIT_CODES);
  const about = [FLAGS.help, FLAGS.version];
  const added = new Set<string>();
  const addFlags = (flags: readonly Flag[], group: string) => {
    for (const flag of flags) addFlag(parser, flag, group, added.has(flag.name));
    for (const { name } of flags) added.add(name);
  };
  if (command !== undefined) {
    parser.usage(`\n${command.describe}`);
    addFlags(command.flags, "Flags:");
  } else {
    for (const { verb, operands, describe } of COMMANDS)
      parser.command(operands ? `${verb} ${yargsOperand(operands)}` : verb, describe);
    const shared = [FLAGS.config, ...COMMANDS.flatMap(({ flag }) => flag ?? [])];
    addFlags([...shared, ...about], "Flags:");
    for (const { verb, flags } of COMMANDS) {
      addFlags(
        flags.filter((flag) => !shared.includes(flag)),
        `Flags of ${verb}:`,
      );
    }
  }
  return `${await parser.getHelp()}\n`;
}

function operandText({ operands }: Command): string {
  if (operands === undefined) return "";
  const name = `${operands.name}${operands.many ? "..." : ""}`;
  return operands.needed ? ` ${name}` : ` [${name}]`;
}

function yargsOperand({ name, many, needed }: NonNullable<Command["operands"]>): string {
  const text = `${name}${many ? ".." : ""}`;
  return needed ? `<${text}>` : `[${text}]`;
}

/** @param again of a flag that is in another group, too: yargs would add its choices to those it knows. */
function addFlag(parser: ReturnType<typeof yargs>, flag: Flag, group: string, again: boolean): void {
  const { name, short, takes, describe, value, choices, default: usual } = flag;
  parser.option(name, {
    describe: value === undefined ? describe : `${value}: ${describe}`,
    group,
    ...(short !== undefined && { alias: short }),
    type: takes === "switch" ? "boolean" : takes === "many" ? "array" : "string",
    ...(choices !== undefined && !again && { choices }),
    ...(usual !== undefined && { default: usual }),
  });
}
