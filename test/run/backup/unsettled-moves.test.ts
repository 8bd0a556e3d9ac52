import { expect, it } from "vitest";
import { UnsettledMoves } from "../../../src/run/backup/unsettled-moves.ts";

const content = { md5: "5ir3t0ozoelrnauhrwyu1xfgy", size: 5 };

it("concerns what has the content of a file that was not stored, whatever is to become of it", () => {
  const unsettled = new UnsettledMoves();
  unsettled.add(content);
  expect(unsettled.concern(content, false)).toBe(true);
  expect(unsettled.concern(content, true)).toBe(true);
  expect(unsettled.concern({ ...content, md5: "ck2u8j60r58fu0sgyxrigm3cu" }, true)).toBe(false);
  expect(unsettled.concern({ ...content, size: 6 }, true)).toBe(false);
  unsettled.settle(content);
  expect(unsettled.concern(content, false)).toBe(false);
});

it("concerns what has the size of a file that could not be read only where it would be removed", () => {
  const unsettled = new UnsettledMoves();
  unsettled.addUnread(5);
  expect(unsettled.concern(content, true)).toBe(true);
  expect(unsettled.concern(content, false)).toBe(false);
  expect(unsettled.concern({ ...content, size: 6 }, true)).toBe(false);
});

it("does not concern empty files, of which nothing can be lost", () => {
  const unsettled = new UnsettledMoves();
  unsettled.addUnread(0);
  expect(unsettled.concern({ md5: "ck2u8j60r58fu0sgyxrigm3cu", size: 0 }, true)).toBe(false);
});
