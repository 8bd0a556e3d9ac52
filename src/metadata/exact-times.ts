/**
 * Setting modification times to the nanosecond. Node hands times on as floating-point seconds, which are a quarter of a
 * microsecond apart today; so a helper process does it: perl, which can make the system call, or else GNU touch.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { bytesOfPath, fsPath } from "../names/path-text.ts";

/** utimensat(2) by architecture. */
const SYSCALL: Readonly<Record<string, number>> = { x64: 280, arm64: 88 };
/** Reads pairs of a time and a path. The time of last access stays (UTIME_OMIT), links are not followed. */
const PERL = `$/="\\0"; while (defined($t=<STDIN>)) { chomp $t; $p=<STDIN>; chomp $p; ($s,$n)=split / /,$t;
  $b=pack("q4",0,0x3ffffffe,$s,$n); syscall($ARGV[0]+0,-100,$p,$b,0x100)==0 or print STDERR "$p: $!\\n"; }`;
const TOUCH = ["-0", "-n", "2", "touch", "-h", "-c", "-m", "-d"];
const WRITE_BYTES = 64 * 1024;
const COMPLAINTS_MOST = 100_000;

export class ExactTimes {
  /** Whether times are set to the nanosecond; otherwise to a quarter of a microsecond. */
  readonly exact: boolean;
  private readonly root: string;
  private readonly child: ChildProcess | undefined;
  private readonly form: (seconds: number, nanoseconds: number) => string;
  private readonly ended: Promise<unknown>;
  private complaints = "";
  private lines: Buffer[] = [];
  private waiting = 0;

  /** @param root what paths are relative to. */
  constructor(root: string) {
    this.root = root;
    const syscall = process.platform === "linux" ? SYSCALL[process.arch] : undefined;
    const perl = syscall !== undefined && works("perl", "-e", "1");
    this.form = perl ? (seconds, nanoseconds) => `${seconds} ${nanoseconds}` : decimal;
    this.exact = perl || (works("touch", "--version") && works("xargs", "--version"));
    if (!this.exact) {
      this.ended = Promise.resolve();
      return;
    }
    const [command, args] = perl ? ["perl", ["-e", PERL, String(syscall)]] : ["xargs", TOUCH];
    const child = spawn(command, args, { cwd: root, stdio: ["pipe", "ignore", "pipe"] });
    this.ended = new Promise((resolve) => {
      child.once("close", (code, signal) => {
        if (signal !== null) this.complaints += `${command} was ended by ${signal}: not all times are set\n`;
        else if (code !== 0 && this.complaints === "")
          this.complaints += `${command} failed with status ${code}\n`;
        resolve(undefined);
      });
      child.once("error", (error) => {
        this.complaints += `${command}: ${error.message}\n`;
        resolve(undefined);
      });
    });
    // Neither is there where no process could be made.
    child.stdin?.on("error", () => {}); // it ended early: its exit says why
    child.stderr?.on("data", (piece: Buffer) => {
      if (this.complaints.length < COMPLAINTS_MOST) this.complaints += piece.toString("utf8");
    });
    this.child = child;
  }

  /** Sets one time, now or by the end of `finish`; links are not followed. Throws the file system's errors. */
  async set(path: string, seconds: number, nanoseconds: number): Promise<void> {
    const stdin = this.child?.stdin;
    if (!stdin) {
      const location = fsPath(path === "" ? this.root : `${this.root}/${path}`);
      fs.lutimesSync(location, fs.lstatSync(location).atime, seconds + nanoseconds / 1e9);
      return;
    }
    const line = bytesOfPath(`${this.form(seconds, nanoseconds)}\0${path === "" ? "." : `./${path}`}\0`);
    this.lines.push(line);
    this.waiting += line.length;
    if (this.waiting >= WRITE_BYTES && !stdin.write(this.takeLines())) {
      await Promise.race([once(stdin, "drain").catch(() => {}), this.ended]);
    }
  }

  /** Waits for the end. Returns what went wrong, a line each. */
  async finish(): Promise<string[]> {
    this.child?.stdin?.end(this.takeLines());
    await this.ended;
    return this.complaints.split("\n").filter(Boolean);
  }

  /** Ends the helper without waiting for what it has still to do; after `finish` there is nothing left to end. */
  abandon(): void {
    this.child?.stdin?.destroy();
    this.child?.kill();
  }

  private takeLines(): Buffer {
    const lines = Buffer.concat(this.lines);
    this.lines = [];
    this.waiting = 0;
    return lines;
  }
}

function works(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: "ignore" }).status === 0;
}

/** As touch reads it: the fraction counts away from zero. */
function decimal(seconds: number, nanoseconds: number): string {
  const digits = (value: number) => String(value).padStart(9, "0");
  if (seconds >= 0 || nanoseconds === 0) return `@${seconds}.${digits(nanoseconds)}`;
  return `@-${-seconds - 1}.${digits(1_000_000_000 - nanoseconds)}`;
}
