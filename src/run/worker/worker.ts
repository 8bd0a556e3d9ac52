/**
 * What runs in each worker thread: one file at a time, from its bytes at one side to its bytes at the other.
 */
import type { Config } from "../../config/config.ts";
import type { KeyRing } from "../../crypto/key-ring.ts";
import { reportOf } from "../../errors.ts";
import { parseSealedName } from "../../names/sealed-name.ts";
import { serve, type TaskHandler, type WorkerContext } from "../../pool/worker.ts";
import { openSource } from "../../scan/open-source.ts";
import { type CallData, CallStats, type FinishedCall } from "../../storage/call-stats.ts";
import type { OpenStorage } from "../../storage/open.ts";
import { helpWithBlocks } from "../object/block-helper.ts";
import { BlockThreads } from "../object/block-threads.ts";
import { type DerivedKeys, openKeys } from "../object/keys.ts";
import { openSealer } from "../object/object-sealer.ts";
import { openTarget } from "../target/open-target.ts";
import { copyFile } from "./keep-content.ts";
import { manifestOutcome } from "./manifest-record.ts";
import { type Overwrite, type RestoreContext, restoreFile } from "./restore-file.ts";
import type { Learned, StoreContext } from "./store-context.ts";
import { hashFile, storeFile } from "./store-file.ts";
import type { OpenNamesOutcome, Outcome, Task } from "./tasks.ts";
import { verifyFile } from "./verify-file.ts";

/** Everything a worker has to know, as plain data. */
export interface WorkerSettings {
  readonly mode: "backup" | "restore" | "verify";
  readonly config: Config;
  /** Keys derived so far, so that no thread derives one again. */
  readonly keys: DerivedKeys;
  /** For what this run seals. */
  readonly salt?: Uint8Array;
  readonly overwrite: Overwrite;
  readonly checksum: boolean;
  readonly stripPrefix: string | undefined;
  readonly dryRun: boolean;
  /** Calls to servers that take so long are told of. */
  readonly slowMs: number | undefined;
}

/** What a worker tells beside the outcomes of its tasks. */
export interface WorkerNews {
  readonly slow?: FinishedCall;
  /** A server asked for fewer requests. */
  readonly throttled?: true;
  /** All its calls to servers, told once at the end. */
  readonly counted?: CallData;
}

/** Serves the pool that started this thread. `openStorage` is a parameter so that tests can put faults in between. */
export function startWorker(openStorage: OpenStorage): void {
  serve(async (settings, context) => open(settings as WorkerSettings, context, openStorage), helpWithBlocks);
}

async function open(
  settings: WorkerSettings,
  context: WorkerContext,
  openAny: OpenStorage,
): Promise<TaskHandler> {
  const tell = (news: WorkerNews) => context.tell(news);
  const calls = new CallStats({
    ...(settings.slowMs !== undefined && { slowMs: settings.slowMs }),
    onSlow: (slow) => tell({ slow }),
  });
  calls.onThrottled(() => tell({ throttled: true }));
  const openStorage: OpenStorage = (config, side) => openAny(config, side, calls, context.signal);
  const { config, mode } = settings;
  const keys = await openKeys(config, settings.keys);
  const destination = await openStorage(config.dest, "destination");
  const threads = new BlockThreads(keys.segmented, !config.encrypt, context.callHelper);
  const common = {
    config,
    keys,
    destination,
    threads,
    signal: context.signal,
    stopped: context.stopped,
    progress: context.progress,
  };
  const source = mode === "backup" ? await openSource(config, openStorage) : undefined;
  const learned: Learned = { cannotCopyParts: false, cannotImportFrom: new Set(), etagsAreNoMd5: false };
  const sealer = openSealer(config, keys, settings.salt, () => new Date(), threads);
  const target = mode === "restore" ? await openTarget(config, openStorage) : undefined;

  const handle = async (task: Task): Promise<Outcome> => {
    switch (task.do) {
      case "store":
        return storeFile(task, storeContext());
      case "hash":
        return hashFile(task, storeContext());
      case "copy":
        return copyFile(task, storeContext());
      case "restore":
        return restoreFile(task, restoreContext());
      case "read-manifest":
        return manifestOutcome(task, common);
      case "verify":
        return verifyFile(task, common);
      case "open-names":
        return openNames(task.keys, config, keys.classic);
    }
  };
  const storeContext = (): StoreContext => {
    if (source === undefined) throw new Error("only a backup reads the source");
    return { ...common, source, sealer, learned };
  };
  const restoreContext = (): RestoreContext => {
    if (target === undefined) throw new Error("only a restore writes a target");
    const { overwrite, checksum, stripPrefix, dryRun } = settings;
    return { ...common, target, overwrite, checksum, stripPrefix, dryRun };
  };
  return {
    handle: async (task) => {
      try {
        return await handle(task as Task);
      } catch (error) {
        return { kind: "failed", report: reportOf(error, "internal") } satisfies Outcome;
      }
    },
    // Local temporary folders belong to the whole process; the main thread removes them when all workers have ended.
    close: async () => {
      threads.close();
      if (destination.kind === "s3") await destination.close();
      if (config.src?.kind !== "local") await source?.close();
      if (config.restore.kind === "s3") await target?.close();
      tell({ counted: calls.export() });
    },
  };
}

function openNames(keys: readonly string[], config: Config, keyRing: KeyRing | undefined): OpenNamesOutcome {
  if (keyRing === undefined) return { kind: "names", versions: keys.map(() => undefined) };
  return { kind: "names", versions: keys.map((key) => parseSealedName(key, keyRing, config.encryptionType)) };
}
