/** The image's health check: one line on stdout, exit 0 when healthy, 1 when not (Dockerfile reference, HEALTHCHECK). */

import { healthOf, readState, runFolder } from "./state.ts";

const health = healthOf(readState(runFolder(process.env)), Date.now());
process.stdout.write(`${health.healthy ? "healthy" : "unhealthy"}: ${health.message}\n`);
process.exitCode = health.healthy ? 0 : 1;
