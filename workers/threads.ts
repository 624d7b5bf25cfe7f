/**
 * Compute threads of one job. 0 leaves it to the engine, which takes every core; jobs that run side by side share the
 * cores instead of each taking all.
 */
export function threadsOfJob(config: { threads: number; workerConcurrency: number }, cores: number): number {
  if (config.threads > 0 || config.workerConcurrency === 1) return config.threads;
  return Math.max(1, Math.floor(cores / config.workerConcurrency));
}
