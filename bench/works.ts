/** The works that are measured, by name, with what they should cost compared with the peers. */

import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { makeImage, makeMedia, makeTextFiles, makeTinyFiles } from "./generate.ts";

export const STEPS = ["first", "unchanged", "verify", "restore"] as const;
export type Step = (typeof STEPS)[number];

/** At most this multiple of the median of a peer, or of the fastest one. */
export interface Target {
  readonly atMost: number;
  readonly of: "fastest" | "restic";
}

export interface Work {
  readonly description: string;
  /** Fills an empty folder; the same bytes each time. */
  readonly make: (folder: string) => void;
  readonly times: Partial<Record<Step, Target>>;
  readonly stored?: Target;
}

const SEED = "backup bench 1";
const REAL_FOLDERS = ["/usr/include", "/usr/share/doc", "/usr/lib/python3", "/usr/share/perl"];

export const works: Readonly<Record<string, Work>> = {
  real: {
    description: `real small files: ${REAL_FOLDERS.join(", ")}, links dereferenced`,
    make: copyRealFolders,
    times: {
      first: { atMost: 0.6, of: "fastest" },
      unchanged: { atMost: 0.25, of: "fastest" },
      verify: { atMost: 0.7, of: "fastest" },
      restore: { atMost: 0.5, of: "fastest" },
    },
    stored: { atMost: 1.5, of: "restic" },
  },
  tiny: {
    description: "100,000 files of up to 2 KiB",
    make: (folder) => makeTinyFiles(folder, SEED, 100_000, 2048),
    times: {
      first: { atMost: 0.5, of: "restic" },
      unchanged: { atMost: 0.2, of: "restic" },
      restore: { atMost: 0.5, of: "restic" },
    },
  },
  media: {
    description: "640 MiB of incompressible media in files of 16 MiB",
    make: (folder) => makeMedia(folder, SEED, 40, 16),
    times: { first: { atMost: 0.6, of: "fastest" }, restore: { atMost: 0.9, of: "fastest" } },
  },
  image: {
    description: "one 1 GiB image of mixed content",
    make: (folder) => makeImage(folder, SEED, 1024),
    times: {
      first: { atMost: 0.6, of: "fastest" },
      unchanged: { atMost: 1, of: "fastest" },
      restore: { atMost: 0.9, of: "fastest" },
    },
  },
  older: {
    description: "2,000 small text files and one of 200 MB: what the older tool was measured with",
    make: (folder) => {
      makeTextFiles(folder, SEED, 2000, 4600);
      makeImage(folder, SEED, 191);
    },
    times: {},
  },
  large: {
    description: "one file of 2 GiB of mixed content, for its memory",
    make: (folder) => makeImage(folder, SEED, 2048),
    times: {},
  },
};

/** Peak memory that no step may exceed, and an unchanged run in particular; MiB. */
export const MEMORY_LIMIT_MIB: Readonly<Record<Step, number>> = {
  first: 200,
  unchanged: 150,
  verify: 200,
  restore: 200,
};

/** `cp` follows links; those that dangle or loop are left out, which it reports with its exit status. */
function copyRealFolders(folder: string): void {
  for (const source of REAL_FOLDERS.filter((path) => existsSync(path))) {
    const target = join(folder, source);
    mkdirSync(target, { recursive: true });
    try {
      execFileSync("cp", ["--recursive", "--dereference", `${source}/.`, target], { stdio: "ignore" });
    } catch {
      // dangling links only: what was not copied is not part of the work
    }
  }
}
