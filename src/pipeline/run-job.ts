import type { JobRunner, Warning } from '../contract.js';
import { StageLog } from './measuring/stage-log.js';
import { Progress } from './progress.js';
import { Scope } from './scope.js';
import { analyze, requireReachable } from './stages/analyze.js';
import { measureBaseline } from './stages/baseline.js';
import { runControls } from './stages/controls.js';
import { reportPlan } from './stages/dry-run.js';
import { evaluate } from './stages/evaluate.js';
import { exportModel } from './stages/export-model.js';
import { load } from './stages/load.js';
import { pruneAndFinetune } from './stages/prune-run.js';
import { rankChannels } from './stages/rank-channels.js';
import { reportJob } from './stages/report.js';
import type { Ending, Job } from './stages/stage.js';
import { verify } from './stages/verify.js';

/** A job's stages. Each is given what the one before it found, and gives that on with what it found itself. */
async function runStages(job: Job): Promise<Ending> {
  const loaded = await load(job);
  const analyzed = await analyze(job, loaded);
  if (job.spec.config.dry_run) return reportPlan(job, analyzed);
  requireReachable(analyzed);
  const measured = await measureBaseline(job, analyzed);
  const ranked = await rankChannels(job, measured);
  const pruned = await pruneAndFinetune(job, ranked);
  const exported = await exportModel(job, pruned);
  const verified = await verify(job, exported);
  const evaluated = await evaluate(job, verified);
  return reportJob(job, await runControls(job, evaluated));
}

export const runJob: JobRunner = async (spec, listener, signal) => {
  const { config, dataset } = spec;
  const warnings: Warning[] = [];
  const warning = (told: Warning): void => {
    // What is read again, after a checkpoint say, is found again.
    if (warnings.some(({ code, message }) => code === told.code && message === told.message)) return;
    warnings.push(told);
    listener.warning(told);
  };
  const trains = dataset !== undefined && config.finetune !== false && !config.dry_run;
  const progress = new Progress(listener, trains);
  const scope = new Scope();
  const stages = new StageLog();
  const told = { ...listener, warning };
  try {
    const ending = await runStages({ spec, listener: told, signal, progress, scope, warnings, stages });
    return { ...ending, warnings };
  } finally {
    await scope.close();
  }
};
