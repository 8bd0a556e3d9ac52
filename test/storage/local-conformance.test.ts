import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { LocalStorage } from "../../src/storage/local/local-storage.ts";
import { describeStorage } from "./conformance.ts";

describeStorage(
  "a local folder",
  async () => {
    const root = mkdtempSync(path.join(os.tmpdir(), "backup-storage-"));
    return {
      open: (side, missing) => new LocalStorage(path.join(root, missing ?? "place"), side),
      dispose: async () => rmSync(root, { recursive: true, force: true }),
    };
  },
  { partBytes: 1_000_000 },
);
