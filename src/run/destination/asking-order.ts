/**
 * In which order the members of a list are asked for something that most of them can tell: the first ones, then ever
 * more of the others, evenly spread. Damage comes in runs, of neighbours or of the same size; nothing of it may decide.
 */

/** Each member once. */
export function* askingOrder<T>(members: readonly T[], first: number): Generator<T> {
  yield* members.slice(0, first);
  const others = members.length - first;
  if (others <= 0) return;
  const bits = Math.ceil(Math.log2(others + 1));
  for (let i = 1; i < 2 ** bits; i++) {
    const at = reversed(i, bits) - 1;
    if (at < others) yield members[first + at] as T;
  }
}

/** The bits of a number in reverse: counting up, it halves all gaps again and again. */
function reversed(number: number, bits: number): number {
  let result = 0;
  for (let i = 0; i < bits; i++) result = result * 2 + ((number >> i) & 1);
  return result;
}
