/**
 * Where in the space of keys the next pages of a listing will probably end. Pure.
 *
 * The keys of a page are read as numbers: from the character in which its first and last differ (and a few before it,
 * for the carry) to some ten behind it, each a digit in the alphabet that the page's own keys have there. What one page
 * spans, so will the next, about. A wrong guess costs a request that finds nothing, or a range of several pages; it never
 * costs a key, since ranges join wherever they are cut.
 */
import { comparePaths } from "../../names/path-text.ts";

/** Characters before the first difference: where a carry goes. */
const CARRY = 3;
/** Numbers stay exact below that. */
const LARGEST = 2 ** 50;
/** So many keys of a page show its alphabet. */
const SAMPLE_KEYS = 64;
/** Beyond the alphabet of one page others begin; only characters whose order no server disputes are guessed. */
const ASCII = /^[\x20-\x7e]$/;

/**
 * Keys, ascending, behind the last of a page, each about `pages` pages from the one before; fewer than `count` where the
 * numbers end. They need not exist.
 *
 * @param keys of one page, ascending by their bytes.
 * @param from how many characters all keys have in common: the prefix of the listing.
 */
export function guessBoundaries(keys: readonly string[], count: number, pages: number, from = 0): string[] {
  const [first, last] = [keys[0], keys.at(-1)];
  if (first === undefined || last === undefined || first === last) return [];
  const start = Math.max(from, commonLength(first, last) - CARRY);
  const digits = alphabetOf(keys, start);
  if (digits.length === 0) return [];
  const base = digits.length + 1; // 0 is the end of the key
  const length = Math.floor(Math.log(LARGEST) / Math.log(base));
  const numberOf = (key: string) => {
    let number = 0;
    for (let i = start; i < start + length; i++) number = number * base + rankOf(key.charAt(i), digits);
    return number;
  };
  const end = numberOf(last);
  const span = Math.max(1, (end - numberOf(first)) * pages);
  const found: string[] = [];
  for (let i = 1; i <= count; i++) {
    const number = Math.floor(end + i * span);
    if (number >= base ** length) break;
    const key = last.slice(0, start) + textOf(number, digits, length);
    if (comparePaths(found.at(-1) ?? last, key) < 0) found.push(key);
  }
  return found;
}

function commonLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}

/** The characters that the keys have from a place on, ascending. */
function alphabetOf(keys: readonly string[], start: number): string[] {
  const met = new Set<string>();
  const step = Math.ceil(keys.length / SAMPLE_KEYS);
  for (let i = 0; i < keys.length; i += step)
    for (const character of (keys[i] as string).slice(start)) met.add(character);
  return [...met].filter((character) => ASCII.test(character)).sort();
}

/** From 1; 0 behind the end of a key. Of a character that is no digit: that of the last below it. */
function rankOf(character: string, digits: readonly string[]): number {
  if (character === "") return 0;
  let rank = 0;
  while (rank < digits.length && (digits[rank] as string) <= character) rank++;
  return rank;
}

function textOf(number: number, digits: readonly string[], length: number): string {
  const base = digits.length + 1;
  let text = "";
  for (let i = length - 1; i >= 0; i--) {
    const rank = Math.floor(number / base ** i) % base;
    if (rank === 0) break;
    text += digits[rank - 1];
  }
  return text;
}
