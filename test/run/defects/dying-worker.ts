/** Worker threads that die over certain files: at once, or for want of memory. */
import { startWorker } from "../../../src/run/worker/worker.ts";
import { openStorage } from "../../../src/storage/open.ts";

startWorker(async (config, side) => {
  const storage = await openStorage(config, side);
  const write = storage.write.bind(storage);
  storage.write = (key, bytes, signal) => {
    if (key.startsWith("poison")) process.exit(1);
    if (key.startsWith("crash")) setImmediate(() => Promise.reject(new Error("crashed")));
    return key.startsWith("crash") ? new Promise(() => {}) : write(key, bytes, signal);
  };
  return storage;
});
