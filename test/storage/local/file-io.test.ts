import * as fs from "node:fs";
import os from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { writeAroundZeros } from "../../../src/storage/local/file-io.ts";
import { assertProperty } from "../../property.ts";

const BLOCK = 4096;

let folder: string;
let fd: number;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), "file-io-"));
  fd = fs.openSync(path.join(folder, "file"), "wx+");
});
afterEach(() => {
  fs.closeSync(fd);
  fs.rmSync(folder, { recursive: true });
});

describe("writing around zeros", () => {
  it("writes every byte that is none in its place, whatever lies where", () => {
    const anyRun = fc.tuple(
      fc.constantFrom(0, 0, 7),
      fc.constantFrom(1, 100, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK),
    );
    assertProperty(
      fc.property(
        fc.array(anyRun, { maxLength: 8 }),
        fc.constantFrom(0, 1, BLOCK - 1, BLOCK),
        (runs, position) => {
          const bytes = Buffer.concat(runs.map(([value, length]) => Buffer.alloc(length, value)));
          fs.ftruncateSync(fd, 0);
          fs.ftruncateSync(fd, position + bytes.length);
          writeAroundZeros(fd, bytes, position);
          const written = fs.readFileSync(path.join(folder, "file"));
          expect(written.equals(Buffer.concat([Buffer.alloc(position), bytes]))).toBe(true);
        },
      ),
    );
  });

  it("leaves out the blocks of the file that are all zeros, also where the piece begins within one", () => {
    const written: [number, number][] = [];
    const mark = (at: number, length: number) => {
      const before = Buffer.alloc(10 * BLOCK, 1);
      fs.writeSync(fd, before, 0, before.length, 0);
      writeAroundZeros(fd, Buffer.alloc(length), at);
      const zeros = fs.readFileSync(path.join(folder, "file")).indexOf(0);
      written.push([zeros, length]);
    };
    mark(0, 3 * BLOCK);
    mark(100, 2 * BLOCK);
    expect(written).toEqual([
      [-1, 3 * BLOCK],
      [-1, 2 * BLOCK],
    ]);
  });
});
