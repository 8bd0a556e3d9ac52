/** The command at a terminal, with somebody who answers. */
import { spawn, spawnSync } from "node:child_process";

/** Node has no terminals to give. */
export const hasTerminals = spawnSync("python3", ["--version"]).status === 0;

const SCRIPT = `
import json, os, pty, sys
answers, command = json.loads(sys.argv[1]), sys.argv[2:]
seen = b""
def read(fd):
    global seen
    data = os.read(fd, 1024)
    seen += data
    if answers and answers[0][0].encode() in seen: os.write(fd, answers.pop(0)[1].encode())
    return data
sys.exit(os.waitstatus_to_exitcode(pty.spawn(command, read)))
`;

import { COMMAND } from "../built.ts";

/** @param answers what is typed, in this order, each as soon as a text was shown. */
export async function atTerminal(
  cwd: string,
  args: readonly string[],
  answers: readonly (readonly [string, string])[],
): Promise<{ code: unknown; output: string }> {
  const command = [process.execPath, COMMAND, ...args];
  const child = spawn("python3", ["-c", SCRIPT, JSON.stringify(answers), ...command], {
    cwd,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (piece) => {
    output += piece;
  });
  const code = await new Promise((resolve) => child.on("close", resolve));
  return { code, output };
}
