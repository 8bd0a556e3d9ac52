import { describe, expect, test } from "vitest";
import { CODEC, CONTINUES } from "../../../src/compression/codecs.ts";
import {
  type Extent,
  ExtentTable,
  extentBytes,
  writeExtent,
} from "../../../src/container/segmented/extents.ts";

const BLOCK = 256 * 1024;
const START = 88;
const TAG = 16;
const refused = expect.objectContaining({ code: "ETRAILER" });

type Block = Partial<Extent>;

/** A table of blocks one behind the other, of one byte each unless they say otherwise, and where they end. */
function tableOf(blocks: readonly Block[], positioned: boolean): { table: ExtentTable; end: number } {
  const width = extentBytes(positioned);
  const bytes = Buffer.alloc(blocks.length * width);
  let end = START;
  for (const [i, { plain = 1, stored = plain + TAG, codec = CODEC.raw, ...block }] of blocks.entries()) {
    const id = Buffer.alloc(16, i);
    const extent = {
      id,
      offset: end,
      weak: i,
      mac: Buffer.alloc(16, 0x80 + i),
      plain,
      stored,
      codec,
      ...block,
    };
    writeExtent(bytes, i * width, extent, positioned);
    end = Math.max(end, extent.offset + stored);
  }
  return { table: new ExtentTable(bytes, positioned, START), end };
}

const check = (blocks: readonly Block[], positioned: boolean, more = 0, blockSize = BLOCK) => {
  const { table, end } = tableOf(blocks, positioned);
  return () => table.check(blockSize, START, end + more);
};

const zstd = (more: Block = {}): Block => ({ codec: CODEC.zstd, ...more });
const going = (codec: number, more: Block = {}): Block => ({ codec: codec | CONTINUES, ...more });

describe.each([true, false])("a table (positioned: %s)", (positioned) => {
  test.each<[string, Block[]]>([
    ["no block", []],
    ["the longest block", [{ plain: BLOCK }]],
    ["a compressed block of nothing but its tag", [zstd({ plain: BLOCK, stored: TAG })]],
    ["a compressed block as long as the longest", [zstd({ plain: 1, stored: BLOCK + TAG })]],
    ["a stream over several blocks", [zstd(), going(CODEC.zstd), going(CODEC.zstd), {}, zstd()]],
    [
      "a stream of 16 MiB",
      [zstd({ plain: BLOCK }), ...Array(63).fill(going(CODEC.zstd, { plain: BLOCK, stored: TAG }))],
    ],
  ])("may hold %s", (_, blocks) => {
    expect(check(blocks, positioned)).not.toThrow();
  });

  test.each<[string, Block[]]>([
    ["a block of no bytes", [zstd({ plain: 0, stored: TAG })]],
    ["a block longer than the block size", [{ plain: BLOCK + 1 }]],
    ["a sealed block shorter than its tag", [zstd({ stored: TAG - 1 })]],
    ["a sealed block longer than the block size", [zstd({ stored: BLOCK + TAG + 1 })]],
    ["a raw block of another length than its plaintext", [{ plain: 2, stored: TAG + 1 }]],
    ["an unknown codec", [{ codec: CODEC.gzip + 1 }]],
    ["an unknown codec that goes on", [zstd(), going(CODEC.gzip + 1)]],
    ["a first block that goes on", [going(CODEC.zstd)]],
    ["a block that goes on with a raw one", [{}, going(CODEC.raw)]],
    ["a block that goes on with a stream of another codec", [zstd(), going(CODEC.xz)]],
    ["a block that goes on with a stream that has ended", [zstd(), {}, going(CODEC.zstd)]],
    [
      "a stream of more than 16 MiB",
      [
        zstd({ plain: BLOCK }),
        ...Array(63).fill(going(CODEC.zstd, { plain: BLOCK, stored: TAG })),
        going(CODEC.zstd),
      ],
    ],
  ])("is refused with %s", (_, blocks) => {
    expect(check(blocks, positioned)).toThrow(refused);
  });

  test("may have one block of more than 16 MiB, and no second one of its stream", () => {
    const large = zstd({ plain: 2 ** 26, stored: TAG });
    expect(check([large, large], positioned, 0, 2 ** 26)).not.toThrow();
    expect(check([large, going(CODEC.zstd)], positioned, 0, 2 ** 26)).toThrow(refused);
  });

  test("is refused with a block that ends behind the body", () => {
    expect(check([{}, {}], positioned, -1)).toThrow(refused);
  });

  test("finds the block of every byte, and the run of every block", () => {
    const plains = [3, 1, 2, 5, 1];
    const codecs = [CODEC.zstd, CODEC.zstd | CONTINUES, CODEC.raw, CODEC.xz, CODEC.xz | CONTINUES];
    const { table } = tableOf(
      plains.map((plain, i) => ({ plain, codec: codecs[i] as number })),
      positioned,
    );
    const owners = plains.flatMap((plain, i) => Array(plain).fill(i));
    expect(owners.map((_, position) => table.find(position))).toEqual(owners);
    expect(plains.map((_, i) => table.runAt(i))).toEqual([
      [0, 2],
      [0, 2],
      [2, 3],
      [3, 5],
      [3, 5],
    ]);
    expect(table.plainLength).toBe(12);
  });
});

test("blocks in a row have to fill the body, those with positions not", () => {
  expect(check([{}, {}], false, 1)).toThrow(refused);
  expect(check([{}, {}], true, 1)).not.toThrow();
});

test("blocks with positions lie in the body, in any order, each place of one block only, however often", () => {
  const [a, b] = [{ offset: START }, { offset: START + TAG + 1 }];
  const same = { ...a, id: Buffer.alloc(16) };
  expect(check([b, a], true)).not.toThrow();
  expect(check([same, b, same], true)).not.toThrow();
  expect(check([{ offset: START - 1 }], true)).toThrow(refused);
  expect(check([a, { offset: START + TAG }], true)).toThrow(refused);
  for (const other of [
    { id: Buffer.alloc(16, 9) },
    { plain: 2 },
    { plain: 2, codec: CODEC.zstd, stored: 17 },
  ]) {
    expect(check([same, { ...same, ...other }], true)).toThrow(refused);
  }
  const stream = [zstd(same), going(CODEC.zstd, { ...same, offset: START + 17, id: Buffer.alloc(16, 1) })];
  expect(check([...stream, { ...stream[1], codec: CODEC.zstd }], true)).toThrow(refused);
});
