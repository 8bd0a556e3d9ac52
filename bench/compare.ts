/**
 * The same work by this tool and by its peers, interleaved; see docs/performance.md.
 *
 * Usage: node bench/compare.ts [FOLDER | --work NAME] [--rounds N] [--tools ours,restic,rclone,borg]
 *          [--scratch FOLDER] [--settings JSON] [--json FILE]
 */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { errorCode, messageOf } from "../src/errors.ts";
import { type Measurement, measure } from "./measure.ts";
import { type ToolResult, tableOf } from "./report.ts";
import { measureMillion, measureStart, tableOfVerdicts } from "./start.ts";
import { borg, ours, type Place, rclone, restic, type Tool } from "./tools.ts";
import { assertSameContent, measureTree, warm } from "./trees.ts";
import { STEPS, type Step, type Work, works } from "./works.ts";

/** What runs without a folder and without `--work`: all that has targets. */
const ALL = ["real", "tiny", "media", "image"];

const USAGE = `usage: node bench/compare.ts [FOLDER | --work ${Object.keys(works).join("|")}]
  without either    ${ALL.join(", ")}, starts, and a million entries
  --rounds N        how often everything is done (default 3)
  --tools LIST      of ours,restic,rclone,borg (default: all that are installed)
  --scratch FOLDER  where the works, the stores and the restored files go for a while (default ${tmpdir()})
  --settings JSON   laid over this tool's configuration (default {"container":"segmented"})
  --json FILE       every single measurement, too`;

class UsageError extends Error {}

interface Contestant {
  readonly tool: Tool;
  readonly version: string;
  readonly steps: Record<Step, Measurement[]>;
  readonly stored: number[];
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      work: { type: "string" },
      rounds: { type: "string", default: "3" },
      tools: { type: "string" },
      scratch: { type: "string", default: tmpdir() },
      settings: { type: "string", default: '{"container":"segmented"}' },
      json: { type: "string" },
      help: { type: "boolean" },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const rounds = Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new UsageError("--rounds: write a number from 1");
  const work = values.work === undefined ? undefined : works[values.work];
  if (values.work !== undefined && !work) throw new UsageError(`--work: there is no ${values.work}`);
  if (positionals.length > (work ? 0 : 1)) throw new UsageError("give one folder or --work NAME");
  if (!existsSync("/usr/bin/time")) throw new UsageError("GNU time is needed: apt-get install time");
  const settings = JSON.parse(values.settings);
  const scratch = mkdtempSync(join(resolve(values.scratch), "backup-bench-"));
  const end = (): void => rmSync(scratch, { recursive: true, force: true });
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      end();
      process.exit(130);
    });
  }
  try {
    const compare = (target: Work | string) =>
      compareAt(target, contestantsOf(values.tools, settings), scratch, rounds);
    const all = work === undefined && positionals[0] === undefined;
    const done = [];
    for (const target of all
      ? ALL.map((name) => works[name] as Work)
      : [work ?? resolve(positionals[0] ?? "")])
      done.push(await compare(target));
    if (all) console.log(tableOfVerdicts([...measureStart(scratch), ...measureMillion()]));
    if (values.json) writeFileSync(values.json, `${JSON.stringify(all ? done : done[0], null, 2)}\n`);
  } finally {
    end();
  }
}

/** All rounds of one work, or of a folder; prints its table. */
async function compareAt(
  target: Work | string,
  contestants: readonly Contestant[],
  scratch: string,
  rounds: number,
) {
  const work = typeof target === "string" ? undefined : target;
  const source = typeof target === "string" ? target : join(scratch, "source");
  if (work) {
    console.error(`making ${work.description}`);
    mkdirSync(source);
    work.make(source);
  }
  const { files, bytes } = measureTree(source);
  for (let round = 0; round < rounds; round++) await playRound(contestants, source, scratch, round);
  const title = work ? work.description : source;
  console.log(`${title}: ${files} files, ${(bytes / 1e6).toFixed(0)} MB; ${rounds} rounds; ${machine()}\n`);
  const results = contestants.map(({ tool, ...rest }): ToolResult => ({ name: tool.name, ...rest }));
  for (const { version } of results) console.log(`- ${version}`);
  console.log(`\n${tableOf(results, work)}\n`);
  if (work) rmSync(source, { recursive: true });
  return { title, files, bytes, results };
}

/** Every step by every tool before the next step; each round another tool begins. */
async function playRound(
  contestants: readonly Contestant[],
  source: string,
  scratch: string,
  round: number,
): Promise<void> {
  const order = contestants.map((_, i) => contestants[(i + round) % contestants.length] as Contestant);
  const places = new Map<Contestant, Place>();
  for (const contestant of order) {
    const home = join(scratch, `home-${contestant.tool.name}`);
    mkdirSync(home);
    const place = { source, home, restored: join(scratch, `restored-${contestant.tool.name}`) };
    contestant.tool.prepare(place);
    places.set(contestant, place);
  }
  warm(source);
  for (const step of STEPS) {
    for (const [contestant, place] of places) {
      if (step === "restore") mkdirSync(place.restored);
      // Pages that the tool before left to be written are not this tool's burden.
      execFileSync("sync");
      const measurement = await measure(contestant.tool.command(step, place), scratch);
      contestant.steps[step].push(measurement);
      console.error(
        `round ${round + 1} ${step} ${contestant.tool.name}: ${measurement.seconds.toFixed(2)} s`,
      );
      if (step === "first") contestant.stored.push(measureTree(contestant.tool.store(place)).bytes);
      if (step === "restore") {
        assertSameContent(source, place.restored);
        rmSync(place.restored, { recursive: true });
      }
    }
  }
  for (const { home } of places.values()) rmSync(home, { recursive: true });
}

function contestantsOf(list: string | undefined, settings: Record<string, unknown>): Contestant[] {
  const known: Record<string, Tool> = { ours: ours(settings), restic, rclone, borg };
  const asked = list?.split(",") ?? Object.keys(known);
  return asked.flatMap((name) => {
    const tool = known[name];
    if (!tool) throw new UsageError(`--tools: there is no ${name}`);
    const version = tool.version();
    if (version !== undefined) return [{ tool, version, steps: emptySteps(), stored: [] }];
    if (list || name === "ours")
      throw new UsageError(`${name} is not here: install it, or build this tool first`);
    console.error(`${name} is not installed; goes without`);
    return [];
  });
}

function emptySteps(): Record<Step, Measurement[]> {
  return { first: [], unchanged: [], verify: [], restore: [] };
}

function machine(): string {
  const memory = /MemTotal:\s+(\d+)/.exec(readFileSync("/proc/meminfo", "utf8"))?.[1];
  const gib = Math.round(Number(memory) / 1024 / 1024);
  return `${cpus().length} cores (${cpus()[0]?.model ?? "unknown"}), ${gib} GiB, Node ${process.version}`;
}

try {
  await main();
} catch (error) {
  const misused = error instanceof UsageError || errorCode(error)?.startsWith("ERR_PARSE_ARGS") === true;
  console.error(misused ? `${messageOf(error)}\n${USAGE}` : error);
  process.exitCode = misused ? 2 : 1;
}
