/**
 * A bucket, or the part of one below a base path, as a storage.
 *
 * A finished PUT, copy or CompleteMultipartUpload is durable and visible (S3 user guide, "Amazon S3 data consistency
 * model"), so what is staged here is already published. See docs/s3.md for permissions and for what differs between
 * servers.
 */
import type { S3StorageConfig } from "../../config/config.ts";
import { isSameService } from "../../config/same-service.ts";
import type { Side } from "../../errors.ts";
import type { CallStats } from "../call-stats.ts";
import type {
  ListedObject,
  ObjectStat,
  PlaceOptions,
  PublishResult,
  ReadOptions,
  RemoteObject,
  StagedObject,
  Storage,
  UnfinishedUpload,
  UploadOptions,
  WriteOptions,
  Writer,
  WriterOptions,
} from "../storage.ts";
import { createBucket } from "./bucket.ts";
import { type Connection, connect, locationOf, type S3Tuning } from "./connection.ts";
import { copyObject } from "./copy.ts";
import { importObject } from "./import.ts";
import { KeySpace } from "./keys.ts";
import { listObjects, listUploads } from "./list.ts";
import { abortUpload } from "./multipart.ts";
import { MultipartWriter } from "./multipart-writer.ts";
import { MIN_PART_BYTES } from "./parts.ts";
import { putObject } from "./put.ts";
import { readObject, readWhole } from "./read.ts";
import { removeObjects } from "./remove.ts";
import { keptParts, listParts } from "./resume.ts";
import { statObject } from "./stat.ts";
import { uploadStream } from "./upload.ts";

export class S3Storage implements Storage {
  readonly kind = "s3";
  readonly location: string;
  readonly bucket: S3StorageConfig;
  readonly lateKeys = false;
  /** Smaller bodies cannot be parts, and would pass through here twice. */
  readonly worthCopying = MIN_PART_BYTES;
  private readonly keys: KeySpace;
  private readonly clock = { offset: 0 };
  private readonly open: () => Promise<Connection>;
  private connection: Promise<Connection> | undefined;

  /**
   * Sends nothing and loads nothing until the first call. `tuning` is for tests and unusual networks; `stop` is aborted when
   * the run is to stop.
   */
  constructor(config: S3StorageConfig, side: Side, tuning?: S3Tuning, calls?: CallStats, stop?: AbortSignal) {
    this.location = locationOf(config);
    this.bucket = config;
    this.keys = new KeySpace(config.basePath);
    this.open = () => connect(config, side, this.clock, tuning, calls, stop);
  }

  keyProblem(key: string): string | undefined {
    return this.keys.problem(key);
  }

  async *list(signal?: AbortSignal): AsyncGenerator<ListedObject[]> {
    yield* listObjects(await this.connected(), signal);
  }

  async stat(key: string): Promise<ObjectStat | undefined> {
    const connection = await this.connected();
    return statObject(connection, key, connection.stop);
  }

  async *read(key: string, options?: ReadOptions): AsyncGenerator<Buffer> {
    yield* readObject(await this.connected(), key, options);
  }

  async readWhole(key: string, options?: ReadOptions): Promise<Buffer> {
    return readWhole(await this.connected(), key, options);
  }

  async create(): Promise<void> {
    await createBucket(await this.connected());
  }

  async write(key: string, bytes: Uint8Array, options?: WriteOptions): Promise<StagedObject> {
    return putObject(await this.connected(), key, bytes, options);
  }

  async createWriter(key: string, options: WriterOptions): Promise<Writer> {
    const connection = await this.connected();
    connection.fullKey(key); // a key that cannot be stored is refused before the work, not after it
    const { resume, ...rest } = options;
    const kept = resume && !options.reserve ? await keptParts(connection, resume, options) : undefined;
    return new MultipartWriter(connection, key, rest, { kept });
  }

  async upload(key: string, body: AsyncIterable<Uint8Array>, options: UploadOptions): Promise<StagedObject> {
    return uploadStream(await this.connected(), key, body, options);
  }

  async publish(staged: readonly StagedObject[]): Promise<PublishResult[]> {
    return staged.map((object) => ({ staged: object }));
  }

  async discard(staged: readonly StagedObject[]): Promise<void> {
    // They already have their keys. One that cannot be removed is a complete object and does no harm.
    if (staged.length === 0) return;
    await removeObjects(
      await this.connected(),
      staged.map(({ key }) => key),
    );
  }

  async copy(from: string, to: string, options?: PlaceOptions): Promise<StagedObject> {
    return copyObject(await this.connected(), from, to, options);
  }

  async importObject(
    from: RemoteObject,
    to: string,
    options?: PlaceOptions,
  ): Promise<StagedObject | undefined> {
    if (!isSameService(from.bucket, this.bucket)) return undefined;
    return importObject(await this.connected(), from, to, options);
  }

  async rename(from: string, to: string, options?: PlaceOptions): Promise<void> {
    const connection = await this.connected();
    await copyObject(connection, from, to, options);
    const [failure] = await removeObjects(connection, [from]);
    if (failure !== undefined) throw failure.error;
  }

  async remove(keys: readonly string[]): Promise<{ key: string; error: Error }[]> {
    return removeObjects(await this.connected(), keys);
  }

  clockOffset(): number {
    return this.clock.offset;
  }

  placeProblem(): undefined {}

  async flush(): Promise<void> {
    // Every answered request is durable.
  }

  async listUploads(): Promise<UnfinishedUpload[]> {
    return listUploads(await this.connected());
  }

  async lastActivity(upload: UnfinishedUpload): Promise<number> {
    const connection = await this.connected();
    const parts = await listParts(connection, upload, connection.stop);
    return Math.max(upload.initiated, ...parts.map(({ modified }) => modified));
  }

  async abortUpload(upload: UnfinishedUpload): Promise<void> {
    await abortUpload(await this.connected(), upload);
  }

  async sweep(): Promise<number> {
    return 0; // there are no temporary files; see listUploads
  }

  async close(): Promise<void> {
    const connection = await this.connection?.catch(() => undefined);
    connection?.client.destroy();
  }

  private connected(): Promise<Connection> {
    this.connection ??= this.open();
    return this.connection;
  }
}
