/** Worker threads whose destination neither takes nor gives any object. */
import { StorageError } from "../../../src/errors.ts";
import { startWorker } from "../../../src/run/worker/worker.ts";
import { openStorage } from "../../../src/storage/open.ts";

startWorker(async (config, side) => {
  const storage = await openStorage(config, side);
  if (side !== "destination") return storage;
  const fail = (key: string): never => {
    throw new StorageError(side, "does not work (EIO)", { path: key, code: "EIO" });
  };
  return Object.assign(storage, { write: fail, readNow: fail, readWhole: fail, read: fail });
});
