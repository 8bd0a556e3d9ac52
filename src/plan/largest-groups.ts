/**
 * Sums by name, however many names there are: the largest are kept apart, what is too many counts together. Pure.
 *
 * Where names come in order, as folders do in a listing, what is shown of a name is exact. Otherwise a name that was
 * small may have lost some of its sum to the others before it grew.
 */

export class LargestGroups<T> {
  private readonly most: number;
  private readonly empty: () => T;
  private readonly add: (to: T, from: T) => void;
  private readonly weigh: (group: T) => number;
  private readonly groups = new Map<string, T>();
  private rest: T | undefined;

  /**
   * @param most so many names are kept at the end, and twice as many on the way
   * @param add adds the second sum to the first
   */
  constructor(most: number, empty: () => T, add: (to: T, from: T) => void, weigh: (group: T) => number) {
    this.most = most;
    this.empty = empty;
    this.add = add;
    this.weigh = weigh;
  }

  /** The sum of a name, to be added to at once: later it may have been taken to the others. */
  of(name: string): T {
    const found = this.groups.get(name);
    if (found !== undefined) return found;
    if (this.groups.size >= 2 * this.most) this.shrink();
    const group = this.empty();
    this.groups.set(name, group);
    return group;
  }

  /** Largest first. */
  largest(): [string, T][] {
    this.shrink();
    return this.sorted();
  }

  /** All that is not among the largest; undefined where nothing is left. Ask for those first. */
  get others(): T | undefined {
    return this.rest;
  }

  private shrink(): void {
    for (const [name, group] of this.sorted().slice(this.most)) {
      this.rest ??= this.empty();
      this.add(this.rest, group);
      this.groups.delete(name);
    }
  }

  private sorted(): [string, T][] {
    return [...this.groups].sort((a, b) => this.weigh(b[1]) - this.weigh(a[1]));
  }
}
