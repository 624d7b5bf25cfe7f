/** Uploads from stream to record: stored, inspected by a child, recorded. */
import { EspalierError } from '../errors.js';
import type { BlobStore, BlobUpload } from '../storage/blob-store.js';
import { type DiskSpace, diskFull } from '../storage/disk-space.js';
import { createId } from './ids.js';
import type { JobStore } from './job-store.js';
import type { Log } from './log.js';
import type { JobQueue } from './messages.js';
import type { NewUpload, Upload, UploadKind } from './upload.js';

const PREFIXES = { model: 'mdl', dataset: 'dst' } as const;

export class UploadService {
  readonly #store: JobStore;
  readonly #blobs: BlobStore;
  readonly #queue: JobQueue;
  readonly #disk: Pick<DiskSpace, 'findFault'> | undefined;
  readonly #log: Log;
  readonly #busy = new Map<string, Promise<unknown>>();
  /** Uploads on their way to the record, by kind, bytes and name. */
  readonly #finishing = new Map<string, Promise<{ upload: Upload }>>();

  constructor(parts: {
    store: JobStore;
    blobs: BlobStore;
    queue: JobQueue;
    disk?: Pick<DiskSpace, 'findFault'>;
    log: Log;
  }) {
    this.#store = parts.store;
    this.#blobs = parts.blobs;
    this.#queue = parts.queue;
    this.#disk = parts.disk;
    this.#log = parts.log;
  }

  /** @throws EspalierError DISK_FULL before anything of it is read */
  async start(): Promise<BlobUpload> {
    const fault = await this.#disk?.findFault();
    if (fault !== undefined) throw diskFull(fault);
    return this.#blobs.startUpload();
  }

  /**
   * Commits, inspects and records an upload. The same bytes again give what is there; at the same time they are one upload,
   * with one verdict. A refused upload leaves nothing behind.
   * @throws EspalierError the inspection's verdict.
   */
  async finish<K extends UploadKind>(kind: K, files: BlobUpload): Promise<{ upload: Upload<K>; created: boolean }> {
    const { sha256, name } = files.identify();
    // The verdict may depend on the name, too.
    const key = `${kind} ${sha256} ${name}`;
    const other = this.#finishing.get(key);
    if (other !== undefined) return { ...((await other) as { upload: Upload<K> }), created: false };
    const mine = this.#alone(sha256, () => this.#record(kind, files));
    this.#finishing.set(key, mine);
    try {
      return await mine;
    } finally {
      this.#finishing.delete(key);
    }
  }

  /** Only here, with nobody else at the same blob, do files come into place. */
  async #record<K extends UploadKind>(kind: K, files: BlobUpload): Promise<{ upload: Upload<K>; created: boolean }> {
    const { sizeBytes, ...blob } = files.identify();
    const there = await this.#store.findUploadBySha256(kind, blob.sha256);
    if (there === undefined || !(await this.#blobs.has(blob.blob))) await files.commit();
    if (there) return { upload: there, created: false };
    try {
      const inspection = await this.#queue.inspect(kind, blob);
      const { units = null, ...rest } = inspection as unknown as Record<string, unknown>;
      const id = createId(PREFIXES[kind]);
      const upload = { id, kind, blob, sizeBytes, createdAt: new Date().toISOString(), inspection: rest, units };
      const added = await this.#store.addUpload(upload as unknown as NewUpload<K>);
      this.#log.info({ upload: id, kind, sha256: blob.sha256, sizeBytes }, 'upload stored');
      return added;
    } catch (error) {
      if (!(await this.#store.isBlobUsed(blob.blob))) await this.#blobs.delete(blob.blob);
      throw error;
    }
  }

  /** @throws EspalierError NOT_FOUND; RESOURCE_IN_USE */
  async remove(kind: UploadKind, id: string): Promise<void> {
    const upload = await this.#store.findUpload(kind, id);
    if (!upload) throw new EspalierError('NOT_FOUND', `there is no ${kind === 'model' ? 'model' : 'data set'} ${id}`);
    await this.#alone(upload.blob.blob, async () => {
      const { blobUnused } = await this.#store.removeUpload(kind, id);
      if (blobUnused) await this.#blobs.delete(upload.blob.blob);
    });
  }

  /** One at a time for each blob: no upload comes to rely on files that a delete is about to take away. */
  async #alone<T>(blob: string, work: () => Promise<T>): Promise<T> {
    const before = this.#busy.get(blob);
    const mine = (async () => {
      await before?.catch(() => {});
      return work();
    })();
    this.#busy.set(blob, mine);
    try {
      return await mine;
    } finally {
      if (this.#busy.get(blob) === mine) this.#busy.delete(blob);
    }
  }
}
