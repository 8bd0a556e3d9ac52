/**
 * Properties, held against the same samples in every run: what fails the CI of a change is the change, not a sample that
 * nobody had drawn before. New samples are drawn by hand, `PROPERTY_SEED=random PROPERTY_RUNS=50 npm test`, and each that
 * fails becomes a test of its own.
 */
import fc, { type IAsyncProperty, type IProperty } from "fast-check";

const RUNS = 100;

/** How many times as many runs as the tests name. */
export const RUNS_FACTOR = Number(process.env.PROPERTY_RUNS ?? 1);

/** Of samples that tests draw themselves. */
export const SEED =
  process.env.PROPERTY_SEED === "random" ? Date.now() | 0 : Number(process.env.PROPERTY_SEED ?? 20260904);

/** Throws, or rejects, with the smallest sample for which the property does not hold. */
export function assertProperty<Ts>(property: IProperty<Ts>, given?: { numRuns: number }): void;
export function assertProperty<Ts>(property: IAsyncProperty<Ts>, given?: { numRuns: number }): Promise<void>;
export function assertProperty<Ts>(
  property: IProperty<Ts> | IAsyncProperty<Ts>,
  { numRuns }: { numRuns: number } = { numRuns: RUNS },
): void | Promise<void> {
  return fc.assert(property as IProperty<Ts>, { numRuns: Math.ceil(numRuns * RUNS_FACTOR), seed: SEED });
}
