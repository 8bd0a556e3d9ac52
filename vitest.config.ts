import { defineConfig } from "vitest/config";
import { RUNS_FACTOR } from "./test/property.ts";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/built-setup.ts", "test/s3-server/global-setup.ts"],
    // Worker threads of ours and signals need processes of their own.
    pool: "forks",
    // Two cores are enough for three: some tests wait for a server most of the time.
    maxWorkers: 3,
    testTimeout: 60_000 * Math.max(1, RUNS_FACTOR),
    hookTimeout: 120_000,
  },
});
