import type { Limits } from '../config.js';
import type { JobService } from '../jobs/job-service.js';
import type { JobStore } from '../jobs/job-store.js';
import type { JobQueue } from '../jobs/messages.js';
import type { UploadService } from '../jobs/upload-service.js';
import type { PartRows } from '../prune-config/index.js';
import type { DiskSpace } from '../storage/disk-space.js';
import type { JobFolders } from '../storage/job-folders.js';

/** What the routes work with. */
export interface Services {
  readonly store: JobStore;
  readonly jobs: JobService;
  readonly uploads: UploadService;
  readonly folders: JobFolders;
  readonly queue: Pick<JobQueue, 'ready'>;
  /** Absent: not watched. */
  readonly disk?: Pick<DiskSpace, 'findFault'>;
  readonly limits: Limits;
  /** Where set, every request but health checks and docs must bring it. */
  readonly apiKey: string | undefined;
  /** What configs may name; absent: what comes with Espalier. */
  readonly installed?: PartRows;
}
