import type { Logger } from 'pino';
import type { Config } from '../src/config.js';
import type { JobSpec } from '../src/contract.js';
import type { BlobStore } from '../src/storage/blob-store.js';
import type { JobFolders } from '../src/storage/job-folders.js';
import type { ChildLimits } from './run-child.js';

/** What the processors share. */
export interface WorkerContext {
  readonly logger: Logger;
  readonly dataDir: string;
  readonly folders: JobFolders;
  readonly blobs: Pick<BlobStore, 'localPath'>;
  readonly engine: JobSpec['engine'];
  readonly device: JobSpec['device'];
  readonly threads: number;
  readonly checkpointMs: number;
  readonly plugins: readonly string[];
  readonly entries: { readonly job: URL; readonly inspect: URL };
  readonly limits: { readonly job: ChildLimits; readonly inspection: ChildLimits };
  /** What uploads may unpack to. */
  readonly archives: Readonly<Record<'model' | 'dataset', Config['limits']['archive']>>;
}
