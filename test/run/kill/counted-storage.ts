/** A destination whose every call is counted, and may be the last thing its process does. */

import type { OpenStorage } from "../../../src/storage/open.ts";
import { openStorage } from "../../../src/storage/open.ts";
import type { ReadOptions, Storage, Writer } from "../../../src/storage/storage.ts";
import type { CallCounter } from "./call-counter.ts";

/** Opens storages as usual; those of the destination are counted. */
export function countedOpen(counter: CallCounter): OpenStorage {
  return async (config, side) => {
    const storage = await openStorage(config, side);
    return side === "destination" ? countStorage(storage, counter) : storage;
  };
}

function countStorage(storage: Storage, counter: CallCounter): Storage {
  return {
    kind: storage.kind,
    location: storage.location,
    lateKeys: storage.lateKeys,
    worthCopying: storage.worthCopying,
    keyProblem: (key) => storage.keyProblem(key),
    list: (signal) => counter.iteration(() => storage.list(signal)),
    read: (key: string, options?: ReadOptions) => counter.iteration(() => storage.read(key, options)),
    readWhole: (key, options) => counter.async(() => storage.readWhole(key, options)),
    stat: (key) => counter.async(() => storage.stat(key)),
    create: () => counter.async(() => storage.create()),
    write: (key, bytes, signal) => counter.async(() => storage.write(key, bytes, signal)),
    createWriter: async (key, options) =>
      countWriter(await counter.async(() => storage.createWriter(key, options)), counter),
    upload: (key, body, options) => counter.async(() => storage.upload(key, body, options)),
    publish: (staged, at) => counter.async(() => storage.publish(staged, at)),
    discard: (staged) => counter.async(() => storage.discard(staged)),
    copy: (from, to, options) => counter.async(() => storage.copy(from, to, options)),
    clockOffset: () => storage.clockOffset(),
    placeProblem: () => storage.placeProblem(),
    rename: (from, to) => counter.async(() => storage.rename(from, to)),
    remove: (keys) => counter.async(() => storage.remove(keys)),
    flush: () => counter.async(() => storage.flush()),
    listUploads: () => counter.async(() => storage.listUploads()),
    lastActivity: (upload) => counter.async(() => storage.lastActivity(upload)),
    abortUpload: (upload) => counter.async(() => storage.abortUpload(upload)),
    sweep: (maxAgeMs) => counter.async(() => storage.sweep(maxAgeMs)),
    close: () => counter.async(() => storage.close()),
  };
}

function countWriter(writer: Writer, counter: CallCounter): Writer {
  return {
    write: (bytes) => counter.async(() => writer.write(bytes)),
    copyFrom: (key, range, etag) => counter.async(() => writer.copyFrom(key, range, etag)),
    finish: (options) => counter.async(() => writer.finish(options)),
    abort: (options) => counter.async(() => writer.abort(options)),
  };
}
