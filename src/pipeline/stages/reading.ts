import type { JobListener, JobSpec } from '../../contract.js';
import type { DatasetReading } from '../../data/index.js';

/** How a job reads its data set. `listener` is told of samples that turn out to be unreadable while the job runs. */
export function readingOf(spec: JobSpec, listener?: Pick<JobListener, 'warning'>): DatasetReading {
  const { datasetArchive: limits, outDir: scratchFolder } = spec;
  return {
    scratchFolder,
    ...(limits && { limits }),
    ...(listener && { warn: (warning) => listener.warning(warning) }),
  };
}
