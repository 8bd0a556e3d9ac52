/** Names of users and groups, from the system's files, and where those do not know one from `getent`. */
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";

/** Names by id and ids by name, for one of `passwd` and `group`. */
export class Accounts {
  private readonly database: "passwd" | "group";
  private readonly names = new Map<number, string | undefined>();
  private readonly ids = new Map<string, number | undefined>();

  constructor(database: "passwd" | "group") {
    this.database = database;
    for (const line of linesOf(() => fs.readFileSync(`/etc/${database}`, "latin1"))) this.learn(line);
  }

  /** Undefined where the system has no name for the id. */
  nameOf(id: number): string | undefined {
    if (!this.names.has(id)) {
      this.names.set(id, undefined);
      this.ask(String(id));
    }
    return this.names.get(id);
  }

  /** Undefined where the system does not know the name. */
  idOf(name: string): number | undefined {
    if (!this.ids.has(name)) {
      this.ids.set(name, undefined);
      // A name that is digits would be taken for an id, one that begins with a dash for an option.
      if (/^[A-Za-z_]/.test(name)) this.ask(name);
    }
    return this.ids.get(name);
  }

  private ask(key: string): void {
    const answer = spawnSync("getent", [this.database, key], { encoding: "latin1", timeout: 10_000 });
    for (const line of linesOf(() => answer.stdout ?? "")) this.learn(line);
  }

  private learn(line: string): void {
    const [name, , digits] = line.split(":");
    if (name === undefined || name === "" || digits === undefined || !/^\d{1,10}$/.test(digits)) return;
    const id = Number(digits);
    if (this.names.get(id) === undefined) this.names.set(id, name);
    if (this.ids.get(name) === undefined) this.ids.set(name, id);
  }
}

function linesOf(read: () => string): string[] {
  try {
    return read().split("\n");
  } catch {
    return []; // no such file: ids have no names here
  }
}
