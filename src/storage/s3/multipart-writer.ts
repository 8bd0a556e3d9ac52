/**
 * Writes one object piece by piece, in parts that travel side by side, or goes on with an upload that was left
 * unfinished (resume.ts).
 *
 * What fits into one part goes as a single PutObject. Otherwise every part but a reserved first one leaves as soon
 * as more bytes follow it; the first part waits in memory for its reserved bytes and goes last. The object appears
 * with CompleteMultipartUpload, whole, or not at all.
 *
 * `copyFrom` has the server copy. Parts other than the last have at least 5 MiB, so what was written before a copy
 * is filled up to that from the copied range, and a range smaller than that is read and written. Callers that
 * begin copies at multiples of the part size, and copy at least one part, move no byte through here.
 */
import { StorageError } from "../../errors.ts";
import { isPassing } from "../passing.ts";
import type { PlaceOptions, StagedObject, Writer, WriterOptions } from "../storage.ts";
import type { Connection } from "./connection.ts";
import type { BegunUpload, FinishedPart } from "./multipart.ts";
import { abortUpload, beginUpload, completeUpload, copyPart, sendPart } from "./multipart.ts";
import { PartBuffer } from "./part-buffer.ts";
import { copyRanges, MAX_PARTS, MIN_PART_BYTES, partBytesFor, partsInFlight } from "./parts.ts";
import { type Beside, putObject } from "./put.ts";
import { readObject } from "./read.ts";
import type { KeptParts } from "./resume.ts";

interface WriterExtras {
  readonly metadata?: Beside["metadata"] | undefined;
  readonly headers?: Beside["headers"];
  readonly kept?: KeptParts | undefined;
}

export class MultipartWriter implements Writer {
  private readonly connection: Connection;
  private readonly key: string;
  private readonly reserve: number;
  private readonly signal: AbortSignal | undefined;
  private readonly beside: Beside;
  private readonly place: PlaceOptions;
  private readonly partBytes: number;
  private readonly mostInFlight: number;

  private pending: PartBuffer;
  /** The first part, while its reserved bytes are not known. */
  private held: PartBuffer | undefined;
  private upload: Promise<BegunUpload> | undefined;
  private partCount = 0;
  private size = 0;
  private sent = 0;
  private readonly kept: KeptParts | undefined;
  private readonly finished: FinishedPart[] = [];
  private readonly inFlight = new Set<Promise<void>>();
  private failure: { error: unknown } | undefined;
  private ended = false;

  /**
   * `metadata` and `headers` are kept with the object. `kept` is what an unfinished upload has already; there is none
   * with reserved bytes.
   */
  constructor(
    connection: Connection,
    key: string,
    { reserve = 0, sizeHint, signal, ...place }: Omit<WriterOptions, "resume">,
    { metadata, headers, kept }: WriterExtras = {},
  ) {
    this.connection = connection;
    this.key = key;
    this.reserve = reserve;
    this.signal = signal;
    this.beside = { ...(metadata && { metadata }), ...(headers && { headers }) };
    this.place = place;
    this.kept = kept;
    if (kept !== undefined) this.upload = Promise.resolve(kept.upload);
    this.partBytes = partBytesFor(sizeHint);
    this.mostInFlight = partsInFlight(this.partBytes);
    this.pending = new PartBuffer(this.partBytes, sizeHint);
    this.pending.skip(reserve);
    this.size = reserve;
  }

  async write(bytes: Uint8Array): Promise<void> {
    this.mayGoOn();
    for (let done = 0; done < bytes.length; ) {
      if (this.pending.room === 0) await this.sealPending();
      done += this.pending.append(bytes.subarray(done));
    }
    this.size += bytes.length;
  }

  async copyFrom(key: string, range: { start: number; end: number }, etag?: string): Promise<void> {
    this.mayGoOn();
    const missing = this.pending.length === 0 ? 0 : Math.max(0, MIN_PART_BYTES - this.pending.length);
    const rest = range.end - range.start - missing;
    const copiedFrom = rest < MIN_PART_BYTES ? range.end : range.start + missing;
    await this.writeFrom(key, { start: range.start, end: copiedFrom }, etag);
    if (copiedFrom === range.end) return;
    if (this.pending.length > 0) await this.sealPending();
    for (const part of copyRanges(copiedFrom, range.end)) {
      const number = this.nextNumber();
      await this.launch((upload) =>
        copyPart(this.connection, upload, number, { key, etag, ...part }, this.signal),
      );
      this.size += part.end - part.start;
    }
  }

  async finish({
    head,
    key = this.key,
    keep = false,
  }: {
    head?: Uint8Array;
    key?: string;
    keep?: boolean;
  } = {}): Promise<StagedObject> {
    if ((head?.length ?? 0) !== this.reserve) throw new RangeError("the head must fill the reserved bytes");
    if (key !== this.key)
      throw new RangeError("an object in a bucket cannot change its key while it is written");
    this.mayGoOn();
    try {
      if (this.partCount === 0) await this.putWhole(head);
      else await this.complete(head);
      this.ended = true;
      const { size, sent } = this;
      return { key, size, ...(sent !== size && { sent }) };
    } catch (error) {
      await this.abort({ keep: keep && (this.signal?.aborted === true || isPassing(error)) });
      throw error;
    }
  }

  async abort({ keep = false }: { keep?: boolean } = {}): Promise<void> {
    if (this.ended) return;
    this.ended = true;
    // A part that arrives after the abort would stay: so first they all end, by themselves or by the signal.
    await Promise.allSettled(this.inFlight);
    if (keep) return;
    const upload = await this.upload?.catch(() => undefined);
    if (upload === undefined) return;
    // A part given up by the signal may still be on its way into the server: the second call clears it away.
    for (let i = 0; i < (this.signal?.aborted ? 2 : 1); i++) {
      await abortUpload(this.connection, upload).catch(() => {}); // then it is listed as unfinished
    }
  }

  private async putWhole(head: Uint8Array | undefined): Promise<void> {
    if (head !== undefined) this.pending.fillFront(head);
    this.sent = this.size;
    await putObject(this.connection, this.key, this.pending.bytes(), {
      ...this.place,
      ...this.beside,
      ...(this.signal && { signal: this.signal }),
    });
  }

  private async complete(head: Uint8Array | undefined): Promise<void> {
    if (this.pending.length > 0) await this.sealPending();
    await Promise.all(this.inFlight);
    this.mayGoOn();
    const upload = await this.begun();
    this.kept?.checkCount(this.partCount);
    if (this.held !== undefined) {
      if (head !== undefined) this.held.fillFront(head);
      this.sent += this.held.length;
      this.finished.push(await sendPart(this.connection, upload, 1, this.held.bytes(), this.signal));
    }
    await completeUpload(this.connection, upload, this.finished, this.size);
  }

  private async writeFrom(key: string, range: { start: number; end: number }, etag?: string): Promise<void> {
    if (range.end <= range.start) return;
    const before = this.size;
    const options = {
      range,
      ...(etag !== undefined && { etag }),
      ...(this.signal && { signal: this.signal }),
    };
    for await (const piece of readObject(this.connection, key, options)) await this.write(piece);
    if (this.size - before !== range.end - range.start) {
      throw new StorageError(
        this.connection.side,
        "cannot be copied (it is shorter than the range asked for)",
        {
          path: key,
          code: "ESHORT",
        },
      );
    }
  }

  /** Sends what is pending as the next part, or keeps it if it is the first and has reserved bytes. */
  private async sealPending(): Promise<void> {
    const part = this.pending;
    const number = this.nextNumber();
    if (number === 1 && this.reserve > 0) {
      this.held = part;
      this.pending = new PartBuffer(this.partBytes, this.partBytes);
      return;
    }
    this.pending = new PartBuffer(this.partBytes, this.partBytes);
    const there = this.kept?.find(number, part.bytes());
    if (there !== undefined) {
      this.finished.push(there);
      part.release();
      return;
    }
    this.sent += part.length;
    await this.launch((upload) =>
      sendPart(this.connection, upload, number, part.bytes(), this.signal).finally(() => part.release()),
    );
  }

  /** Starts a part once there is a free place for it. */
  private async launch(run: (upload: BegunUpload) => Promise<FinishedPart>): Promise<void> {
    while (this.inFlight.size >= this.mostInFlight) await Promise.race(this.inFlight);
    this.mayGoOn();
    const upload = await this.begun();
    const work: Promise<void> = run(upload)
      .then(
        (part) => void this.finished.push(part),
        (error: unknown) => {
          this.failure ??= { error };
        },
      )
      .finally(() => this.inFlight.delete(work));
    this.inFlight.add(work);
  }

  private begun(): Promise<BegunUpload> {
    this.upload ??= beginUpload(this.connection, this.key, { ...this.place, ...this.beside });
    return this.upload;
  }

  private nextNumber(): number {
    if (this.partCount >= MAX_PARTS) {
      throw new StorageError(this.connection.side, "cannot be written (it grew beyond 10,000 parts)", {
        path: this.key,
        code: "EFBIG",
      });
    }
    this.partCount++;
    return this.partCount;
  }

  private mayGoOn(): void {
    if (this.ended) throw new Error("the writer has ended");
    this.signal?.throwIfAborted();
    if (this.failure !== undefined) throw this.failure.error;
  }
}
