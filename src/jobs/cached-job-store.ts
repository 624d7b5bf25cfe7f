import type { JobState, WrittenJob } from './job.js';
import type { JobStore } from './job-store.js';
import { Recent } from './recent.js';
import { createTurns } from './turns.js';

/** All jobs together, as JSON: thousands of the usual length, or the longest ones that a few clients wait for. */
const MOST_BYTES = 16 * 2 ** 20;

const MOST_STATES = 10_000;

/**
 * A store that keeps the jobs that were last asked for: polls are most of what a service is asked. Only for the one
 * process that writes the record.
 */
export function cacheJobs(store: JobStore): JobStore {
  const jobs = new Recent<WrittenJob>(MOST_BYTES, lengthOf);
  const states = new Recent<JobState>(MOST_STATES, () => 1);
  const turn = createTurns();
  const drop = (id: string) => {
    jobs.drop(id);
    states.drop(id);
  };
  return {
    ...store,
    // It changes, and a copy of it would not.
    get adoptedAt() {
      return store.adoptedAt;
    },
    findWrittenJob: (id) => jobs.read(id, () => turn().then(() => store.findWrittenJob(id))),
    findState: (id) => states.read(id, () => store.findState(id)),
    updateJob: async (id, ...change) => {
      try {
        const changed = await store.updateJob(id, ...change);
        if (changed === undefined) return undefined;
        const known = jobs.find(id);
        drop(id);
        const { result, ...job } = changed;
        if (known !== undefined && result === undefined) jobs.keep(id, { ...known, job });
        const { status, phase, progress, error } = job;
        states.keep(id, { status, phase, progress, error });
        return changed;
      } catch (fault) {
        // Whether it came to be written nobody knows.
        drop(id);
        throw fault;
      }
    },
    removeJob: async (id) => {
      try {
        await store.removeJob(id);
      } finally {
        drop(id);
      }
    },
  };
}

function lengthOf({ job, config, result }: WrittenJob): number {
  return JSON.stringify(job).length + config.length + (result?.length ?? 0);
}
