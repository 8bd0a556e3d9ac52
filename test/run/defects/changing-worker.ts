/**
 * Worker threads during whose work a file of the source changes: one byte, its size and time as before, each time
 * a writer for it is made, which is after it was hashed where that is a pass of its own.
 */
import * as fs from "node:fs";
import { getEnvironmentData } from "node:worker_threads";
import { startWorker } from "../../../src/run/worker/worker.ts";
import { openStorage } from "../../../src/storage/open.ts";

export interface Change {
  readonly file: string;
  readonly mtime: number;
  /** How often. */
  readonly times: number;
}

const { file, mtime, times } = getEnvironmentData("backup-test-change") as unknown as Change;
let changes = 0;

startWorker(async (config, side) => {
  const storage = await openStorage(config, side);
  const createWriter = storage.createWriter.bind(storage);
  storage.createWriter = (key, options) => {
    if (changes < times) {
      const fd = fs.openSync(file, "r+");
      fs.writeSync(fd, Buffer.of(changes++), 0, 1, fs.fstatSync(fd).size >> 1);
      fs.closeSync(fd);
      fs.utimesSync(file, mtime, mtime);
    }
    return createWriter(key, options);
  };
  return storage;
});
