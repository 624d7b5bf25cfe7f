import type { JobListener, JobSpec } from '../../contract.js';
import type { DatasetReading } from '../../data/index.js';

/** How a job reads its data set. What is told of samples while the job runs is told once, however often they are read. */
export function readingOf(spec: JobSpec, listener?: Pick<JobListener, 'warning'>): DatasetReading {
  const { datasetArchive: limits, outDir: scratchFolder } = spec;
  const told = new Set<string>();
  return {
    scratchFolder,
    ...(limits && { limits }),
    ...(listener && {
      warn: (warning) => {
        if (told.has(warning.message)) return;
        told.add(warning.message);
        listener.warning(warning);
      },
    }),
  };
}
