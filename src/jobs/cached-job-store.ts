import type { Job } from './job.js';
import type { JobStore } from './job-store.js';

/** All jobs together, as JSON: a thousand of the usual length. */
const MOST_CHARACTERS = 4 * 2 ** 20;

/** Longer ones are read each time. */
const LONGEST_JOB = 64 * 1024;

/**
 * A store that keeps the jobs that were last asked for: polls are most of what a service is asked. Only for the one
 * process that writes the record.
 */
export function cacheJobs(store: JobStore): JobStore {
  const jobs = new JobCache();
  /** Counts changes: what was read while one came is not kept. */
  let changes = 0;
  const changing = async <T>(id: string, change: () => Promise<T>, after: (result: T) => void): Promise<T> => {
    try {
      const result = await change();
      changes += 1;
      after(result);
      return result;
    } catch (error) {
      // Whether it came to be written nobody knows.
      changes += 1;
      jobs.drop(id);
      throw error;
    }
  };
  return {
    ...store,
    // It changes, and a copy of it would not.
    get adoptedAt() {
      return store.adoptedAt;
    },
    findJob: async (id) => {
      const known = jobs.find(id);
      if (known !== undefined) return known;
      const before = changes;
      const job = await store.findJob(id);
      if (job !== undefined && changes === before) jobs.keep(job);
      return job;
    },
    updateJob: (id, ...change) =>
      changing(
        id,
        () => store.updateJob(id, ...change),
        (job) => job !== undefined && jobs.keep(job),
      ),
    removeJob: (id) =>
      changing(
        id,
        () => store.removeJob(id),
        () => jobs.drop(id),
      ),
  };
}

/** The jobs that were last asked for, as many as there is room for. */
class JobCache {
  /** The one that was asked for last stands last. */
  readonly #kept = new Map<string, { readonly job: Job; readonly length: number }>();
  #characters = 0;

  find(id: string): Job | undefined {
    const found = this.#kept.get(id);
    if (found === undefined) return undefined;
    this.#kept.delete(id);
    this.#kept.set(id, found);
    return found.job;
  }

  keep(job: Job): void {
    this.drop(job.id);
    const { length } = JSON.stringify(job);
    if (length > LONGEST_JOB) return;
    this.#kept.set(job.id, { job, length });
    this.#characters += length;
    for (const oldest of this.#kept.keys()) {
      if (this.#characters <= MOST_CHARACTERS) return;
      this.drop(oldest);
    }
  }

  drop(id: string): void {
    this.#characters -= this.#kept.get(id)?.length ?? 0;
    this.#kept.delete(id);
  }
}
