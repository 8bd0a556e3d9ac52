/** Storages on a clock of our own: months pass in seconds, on real storage. */
import { type OpenStorage, openStorage } from "../../../src/storage/open.ts";
import type { ListedObject, Storage } from "../../../src/storage/storage.ts";

/**
 * A local storage records the clock that a run is given. A bucket has its own: here what it says is translated, by
 * remembering at which simulated moment each object was first seen as it is.
 */
export class SimulatedTime {
  /** Seconds since 1970. */
  seconds: number;
  private readonly seen = new Map<string, { real: number; simulated: number }>();

  constructor(seconds: number) {
    this.seconds = seconds;
  }

  readonly now = (): Date => new Date(this.seconds * 1000);

  readonly open: OpenStorage = async (config, side) => {
    const storage = await openStorage(config, side);
    return storage.kind === "s3" && side === "destination" ? this.translated(storage) : storage;
  };

  private translated(storage: Storage): Storage {
    const time = (object: ListedObject): ListedObject => {
      const real = object.modified ?? 0;
      const known = this.seen.get(object.key);
      const simulated = known?.real === real ? known.simulated : this.seconds * 1000;
      this.seen.set(object.key, { real, simulated });
      return { ...object, modified: simulated };
    };
    const seen = this.seen;
    const current = () => this.seconds * 1000;
    return new Proxy(storage, {
      get(target, name) {
        if (name === "clockOffset") return () => 0;
        if (name === "list") {
          return async function* (signal?: AbortSignal) {
            for await (const batch of target.list(signal)) yield batch.map(time);
          };
        }
        if (name === "stat") {
          return async (key: string) => {
            const stat = await target.stat(key);
            if (stat === undefined) return undefined;
            // HEAD tells whole seconds.
            const known = seen.get(key);
            const same =
              known !== undefined && Math.floor(known.real / 1000) === Math.floor(stat.modified / 1000);
            return { ...stat, modified: same ? known.simulated : current() };
          };
        }
        const value: unknown = Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
  }
}
