/** The module that worker threads start with. */
import { openStorage } from "../../storage/open.ts";
import { startWorker } from "./worker.ts";

startWorker(openStorage);
