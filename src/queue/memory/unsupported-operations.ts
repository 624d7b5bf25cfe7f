import { EventEmitter } from 'node:events';
import type { IQueueBackend } from 'bullmq';

function unsupported(operation: string): () => never {
  return () => {
    throw new Error(`the in-process queue backend does not support ${operation}; it needs Redis`);
  };
}

/**
 * The part of BullMQ's backend contract that the in-process backend leaves out, because nothing here uses it: flows,
 * schedulers, delays, priorities, deduplication keys, rate limits, job logs, bulk clean-up. Each throws, naming itself.
 */
export abstract class UnsupportedOperations extends EventEmitter {
  readonly addFlow: IQueueBackend['addFlow'] = unsupported('flows (addFlow)');
  readonly addJobScheduler: IQueueBackend['addJobScheduler'] = unsupported('schedulers (addJobScheduler)');
  readonly updateJobSchedulerNextMillis: IQueueBackend['updateJobSchedulerNextMillis'] = unsupported('schedulers');
  readonly removeJobScheduler: IQueueBackend['removeJobScheduler'] = unsupported('schedulers (removeJobScheduler)');
  readonly getJobScheduler: IQueueBackend['getJobScheduler'] = unsupported('schedulers (getJobScheduler)');
  readonly isJobScheduler: IQueueBackend['isJobScheduler'] = unsupported('schedulers (isJobScheduler)');
  readonly getJobSchedulerData: IQueueBackend['getJobSchedulerData'] = unsupported('schedulers (getJobSchedulerData)');
  readonly getJobSchedulersRange: IQueueBackend['getJobSchedulersRange'] = unsupported('schedulers');
  readonly getJobSchedulersCount: IQueueBackend['getJobSchedulersCount'] = unsupported('schedulers');
  readonly moveToDelayed: IQueueBackend['moveToDelayed'] = unsupported('delayed jobs (moveToDelayed)');
  readonly changeDelay: IQueueBackend['changeDelay'] = unsupported('delayed jobs (changeDelay)');
  readonly promote: IQueueBackend['promote'] = unsupported('delayed jobs (promote)');
  readonly promoteJobs: IQueueBackend['promoteJobs'] = unsupported('delayed jobs (promoteJobs)');
  readonly changePriority: IQueueBackend['changePriority'] = unsupported('priorities (changePriority)');
  readonly getCountsPerPriority: IQueueBackend['getCountsPerPriority'] = unsupported('priorities');
  readonly moveToWaitingChildren: IQueueBackend['moveToWaitingChildren'] = unsupported('flows (moveToWaitingChildren)');
  readonly removeUnprocessedChildren: IQueueBackend['removeUnprocessedChildren'] = unsupported('flows');
  readonly removeChildDependency: IQueueBackend['removeChildDependency'] = unsupported('flows (removeChildDependency)');
  readonly getDependencyCounts: IQueueBackend['getDependencyCounts'] = unsupported('flows (getDependencyCounts)');
  readonly getDependencies: IQueueBackend['getDependencies'] = unsupported('flows (getDependencies)');
  readonly getProcessedChildrenValues: IQueueBackend['getProcessedChildrenValues'] = unsupported('flows');
  readonly getIgnoredChildrenFailures: IQueueBackend['getIgnoredChildrenFailures'] = unsupported('flows');
  readonly removeDeduplicationKey: IQueueBackend['removeDeduplicationKey'] = unsupported('deduplication keys');
  readonly deleteDeduplicationKey: IQueueBackend['deleteDeduplicationKey'] = unsupported('deduplication keys');
  readonly getDeduplicationJobId: IQueueBackend['getDeduplicationJobId'] = unsupported('deduplication keys');
  readonly setRateLimit: IQueueBackend['setRateLimit'] = unsupported('rate limits (setRateLimit)');
  readonly getRateLimitTtl: IQueueBackend['getRateLimitTtl'] = unsupported('rate limits (getRateLimitTtl)');
  readonly removeRateLimitKey: IQueueBackend['removeRateLimitKey'] = unsupported('rate limits (removeRateLimitKey)');
  readonly isMaxed: IQueueBackend['isMaxed'] = unsupported('global concurrency (isMaxed)');
  readonly retryFinishedJob: IQueueBackend['retryFinishedJob'] = unsupported('retryFinishedJob');
  readonly retryFinishedJobs: IQueueBackend['retryFinishedJobs'] = unsupported('retryFinishedJobs');
  readonly cleanJobsByState: IQueueBackend['cleanJobsByState'] = unsupported('cleanJobsByState');
  readonly obliterate: IQueueBackend['obliterate'] = unsupported('obliterate');
  readonly removeOrphanedJobs: IQueueBackend['removeOrphanedJobs'] = unsupported('removeOrphanedJobs');
  readonly removeDeprecatedPriorityKey: IQueueBackend['removeDeprecatedPriorityKey'] = unsupported('priorities');
  readonly addLog: IQueueBackend['addLog'] = unsupported('job logs (addLog)');
  readonly clearLogs: IQueueBackend['clearLogs'] = unsupported('job logs (clearLogs)');
  readonly getJobLogs: IQueueBackend['getJobLogs'] = unsupported('job logs (getJobLogs)');
  readonly getMetrics: IQueueBackend['getMetrics'] = unsupported('queue metrics (getMetrics)');
  readonly paginate: IQueueBackend['paginate'] = unsupported('paginate');
}
