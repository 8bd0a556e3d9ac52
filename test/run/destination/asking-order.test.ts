import { describe, expect, it } from "vitest";
import { askingOrder } from "../../../src/run/destination/asking-order.ts";

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

describe("the order of asking", () => {
  it.each([0, 1, 2, 3, 4, 5, 31, 32, 33, 34, 63, 64, 65, 1000])("has each of %i members once", (count) => {
    const order = [...askingOrder(numbers(count), 32)];
    expect(order.slice(0, 32)).toEqual(numbers(Math.min(count, 32)));
    expect(order.sort((a, b) => a - b)).toEqual(numbers(count));
  });

  it("is soon everywhere", () => {
    const others = [...askingOrder(numbers(1000), 0)].slice(0, 16).sort((a, b) => a - b);
    const gaps = [...others, 1000].map((at, i) => at - (others[i - 1] ?? 0));
    expect(Math.max(...gaps)).toBeLessThan(150);
  });
});
