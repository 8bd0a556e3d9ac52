/** What is wrong with a segmented object, by layer (docs/format.md, section 8). */

import { DamagedError } from "../../errors.ts";

export type Layer = "header" | "key" | "trailer" | "block" | "content";

const CODES: Readonly<Record<Layer, string>> = {
  header: "EHEADER",
  key: "EKEY",
  trailer: "ETRAILER",
  block: "EBLOCK",
  content: "ECONTENT",
};

/** The error of a layer; its code names it. The path is added by whoever knows it (`withPath`). */
export function failure(layer: Layer, message: string, remedy?: string): DamagedError {
  return new DamagedError(message, { code: CODES[layer], ...(remedy !== undefined && { remedy }) });
}

/** The layer that an error comes from; undefined for any other error. */
export function layerOf(error: unknown): Layer | undefined {
  if (!(error instanceof DamagedError)) return undefined;
  return (Object.keys(CODES) as Layer[]).find((layer) => CODES[layer] === error.code);
}

/** The same error with the path that its thrower did not know; anything but damage is given back as it is. */
export function withPath(error: unknown, path: string): unknown {
  if (!(error instanceof DamagedError) || error.path !== undefined) return error;
  return new DamagedError(error.message, {
    path,
    ...(error.code !== undefined && { code: error.code }),
    ...(error.remedy !== undefined && { remedy: error.remedy }),
    cause: error.cause,
  });
}
