/** A destination of which only the last phase's calls are there: it notes them, and fails where it is told to. */
import type { Config } from "../../src/config/config.ts";
import { SegmentedKeyRing } from "../../src/crypto/segmented-key-ring.ts";
import { StorageError } from "../../src/errors.ts";
import type { NameFields } from "../../src/names/stored-name.ts";
import { formatStoredName } from "../../src/names/stored-name.ts";
import type { HistoryContext } from "../../src/run/history/history-changes.ts";
import { Tally } from "../../src/run/tally.ts";
import type { LastPhaseStorage } from "../../src/run/worker/out-of-reach.ts";
import type { ObjectStat, PublishResult, StagedObject } from "../../src/storage/storage.ts";
import { configOf, Recorder } from "./world.ts";

export class RecordedStorage implements LastPhaseStorage {
  readonly calls: string[] = [];
  /** What is there. */
  readonly objects = new Map<string, ObjectStat>();
  /** Keys with which every call fails, and the code. */
  readonly failing = new Map<string, string>();
  /** Keys that it cannot hold. */
  readonly impossible = new Set<string>();

  keyProblem(key: string): string | undefined {
    return this.impossible.has(key) ? "too long" : undefined;
  }

  async stat(key: string): Promise<ObjectStat | undefined> {
    this.note("look at", key);
    return this.objects.get(key);
  }

  /** Names that are plain need no header. */
  async readWhole(key: string): Promise<Buffer> {
    this.note("read", key);
    throw this.errorOf(key);
  }

  async rename(from: string, to: string): Promise<void> {
    this.note("rename", from, to);
  }

  async remove(keys: readonly string[]): Promise<{ key: string; error: Error }[]> {
    this.calls.push(`remove ${keys.join(" ")}`);
    return keys.flatMap((key) => (this.failing.has(key) ? [{ key, error: this.errorOf(key) }] : []));
  }

  async write(key: string, bytes: Uint8Array): Promise<StagedObject> {
    this.note("write", key);
    return { key, size: bytes.length, temporary: key };
  }

  async publish(staged: readonly StagedObject[], at?: number): Promise<PublishResult[]> {
    this.calls.push(`publish ${staged.map(({ key }) => key).join(" ")} ${at}`);
    return staged.map((object) =>
      this.failing.has(`published ${object.key}`)
        ? { staged: object, error: this.errorOf(`published ${object.key}`) }
        : { staged: object },
    );
  }

  async flush(): Promise<void> {
    this.calls.push("flush");
  }

  private note(call: string, ...keys: string[]): void {
    this.calls.push(`${call} ${keys.join(" ")}`);
    for (const key of keys) if (this.failing.has(key)) throw this.errorOf(key);
  }

  private errorOf(key: string): Error {
    return new StorageError("destination", "failed", { code: this.failing.get(key) ?? "EIO" });
  }
}

/** What the last phase needs, around such a storage; names are plain. */
export function lastPhase(settings: Partial<Config> = {}, now = 0) {
  const storage = new RecordedStorage();
  const told = new Recorder();
  const tally = new Tally(told);
  const stop = new AbortController();
  const context: HistoryContext = {
    config: configOf({ dest: "/nonexistent" }, settings),
    storage,
    keys: { classic: undefined, segmented: new SegmentedKeyRing(undefined, []) },
    sealer: {
      keyFor: (fields: NameFields) => formatStoredName(fields),
      keyAfter: (_: string, fields: NameFields) => formatStoredName(fields),
    } as HistoryContext["sealer"],
    sealTombstone: () => Buffer.alloc(10),
    tally,
    reporter: told,
    signal: stop.signal,
    limit: (operation) => operation(),
    dryRun: false,
    now,
    isPartlyUnread: false,
  };
  const outcomes = () =>
    Object.fromEntries([...tally.result().outcomes].map(([outcome, { files }]) => [outcome, files]));
  return { storage, told, stop, context, outcomes };
}
