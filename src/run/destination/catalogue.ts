/**
 * The destination's listing, read as what it is: the catalogue.
 *
 * Plain names come in the order of the join and stream through. Encrypted names sort by chance; a listing with such
 * names, or one that does not ascend, goes through an external sort first. Objects whose names are not ours are told
 * of and left alone.
 */
import { parseStoredName, type StoredVersion, SUFFIX } from "../../names/stored-name.ts";
import type { Version } from "../../plan/group.ts";
import { orderKeyOf } from "../../plan/join.ts";
import { ascending } from "../../plan/order.ts";
import { sortedBatches } from "../../spill/sorted-batches.ts";
import type { ListedObject } from "../../storage/storage.ts";
import { looksEncrypted } from "./name-opener.ts";

export interface CatalogueFindings {
  /** An object that ends like ours but has no name of ours. */
  onForeign(key: string): void;
  /** An object whose name looks encrypted and does not open: what it holds cannot be told. */
  onUnreadable(key: string): void;
}

/** Opens encrypted names, many at a time; undefined where one does not authenticate. */
export type OpenNames = (keys: readonly string[]) => Promise<readonly (StoredVersion | undefined)[]>;

/** Versions in the order of the join, as the listing gives them; throws `UnsortedListingError` where it does not. */
export function streamedVersions(
  listing: AsyncIterable<ListedObject[]>,
  openNames: OpenNames,
  findings: CatalogueFindings,
  sizes = false,
): AsyncGenerator<Version[]> {
  return ascending(readNames(listing, openNames, findings, sizes), "destination", orderKeyOf);
}

/** Versions in the order of the join, whatever the order of the listing: through a sort that spills to disk. */
export function sortedVersions(
  listing: AsyncIterable<ListedObject[]>,
  openNames: OpenNames,
  findings: CatalogueFindings,
  sizes = false,
): AsyncGenerator<Version[]> {
  return sortedBatches(readNames(listing, openNames, findings, sizes), orderKeyOf);
}

/** Whether a listing has to be sorted: encrypted names have an order of their own. */
export function hasSealedNames(objects: readonly ListedObject[]): boolean {
  return objects.some(({ key }) => looksEncrypted(key));
}

/**
 * Versions in whatever order the objects are listed.
 *
 * @param sizes whether they carry the sizes of their objects, where the listing tells them
 */
export async function* readNames(
  listing: AsyncIterable<ListedObject[]>,
  openNames: OpenNames,
  findings: CatalogueFindings,
  sizes = false,
): AsyncGenerator<Version[]> {
  for await (const objects of listing) {
    const versions: Version[] = [];
    const sealed: ListedObject[] = [];
    for (const object of objects) {
      const version = parseStoredName(object.key);
      if (version !== undefined) versions.push(ofListing(version, object, sizes));
      else if (looksEncrypted(object.key)) sealed.push(object);
      else if (object.key.endsWith(SUFFIX)) findings.onForeign(object.key);
    }
    if (sealed.length > 0) {
      const opened = await openNames(sealed.map(({ key }) => key));
      opened.forEach((version, i) => {
        const object = sealed[i] as ListedObject;
        if (version === undefined) findings.onUnreadable(object.key);
        else versions.push(ofListing(version, object, sizes));
      });
    }
    yield versions;
  }
}

function ofListing(version: StoredVersion, { modified, size }: ListedObject, sizes: boolean): Version {
  if (modified === undefined && !sizes) return version;
  return {
    ...version,
    ...(modified !== undefined && { storedAt: modified }),
    ...(sizes && size !== undefined && { storedSize: size }),
  };
}

/** A listing that was looked into. */
export interface BegunListing {
  /** Its first objects: as many as were asked for, or all. */
  readonly first: ListedObject[];
  /** All of it. Whoever stops early ends it. */
  readonly whole: AsyncGenerator<ListedObject[]>;
  /** Ends it where nobody wants the whole. */
  stop(): Promise<void>;
}

/**
 * Takes the first objects of a listing, `atLeast` so many. As long as nobody asks for what comes behind them, up to `most`
 * are listed in advance; a failure there is thrown when that is asked for.
 */
export async function lookAhead(
  listing: AsyncIterable<ListedObject[]>,
  atLeast: number,
  most: number,
): Promise<BegunListing> {
  const iterator = listing[Symbol.asyncIterator]();
  const first: ListedObject[] = [];
  while (first.length < atLeast) {
    const next = await iterator.next();
    if (next.done) break;
    first.push(...next.value);
  }
  const listed: Promise<IteratorResult<ListedObject[]>>[] = [];
  let wanted = true;
  const listInAdvance = async () => {
    for (let objects = first.length; objects < most && wanted; ) {
      const next = iterator.next();
      listed.push(next);
      const { done, value } = await next;
      if (done) return;
      objects += value.length;
    }
  };
  const inAdvance = listInAdvance().catch(() => {}); // who asks for it gets the failure
  const stop = async () => {
    wanted = false;
    await inAdvance;
    await iterator.return?.();
  };
  async function* whole(): AsyncGenerator<ListedObject[]> {
    try {
      yield first;
      wanted = false;
      for (;;) {
        const { done, value } = await (listed.shift() ?? iterator.next());
        if (done) return;
        yield value;
      }
    } finally {
      await stop();
    }
  }
  return { first, whole: whole(), stop };
}
