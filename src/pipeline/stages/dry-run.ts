import type { ModelMeasures } from '../../contract.js';
import { graphCost } from '../../graph/cost.js';
import { unreachable } from '../../pruning/index.js';
import type { DryRunSummary } from '../../report/unit-report.js';
import { fileBytes } from '../artifacts.js';
import { latencyMeasurement } from '../planning/latency.js';
import { plannedSubnet } from '../planning/planned-subnet.js';
import { warnOfRounding } from '../planning/rounded-choices.js';
import type { Analyzed } from './analyze.js';
import { measuresOf } from './baseline.js';
import { writeReport } from './report.js';
import { unitImportances } from './report-rows.js';
import type { Ending, Job } from './stage.js';

/**
 * The end of a dry run: reports the widths that would be chosen and what the model would cost. Sizes are of files as they
 * would be written; latencies are null unless the target is one, since only then something is timed. Leaves the mutator
 * with the planned choices.
 */
export async function reportPlan(job: Job, analyzed: Analyzed): Promise<Ending> {
  const { model, engine, algorithm, planned } = analyzed;
  const { config } = job.spec;
  const { mutator } = algorithm;
  const { choices, plan, comparison } = planned;
  const asked = mutator.setChoices(choices);
  warnOfRounding(mutator, asked, job.listener);
  const missed = plan && unreachable(plan);
  if (missed) job.listener.warning({ code: 'TARGET_UNREACHABLE', message: missed });
  const subnet = plannedSubnet(mutator);
  const original = measuresOf({ ...analyzed, graph: analyzed.uploaded }, config);
  const predicted = graphCost(subnet);
  const summary: DryRunSummary<ModelMeasures> = {
    baseline: { ...original, latency_ms: plan?.baseline.latency ?? null },
    predicted: {
      macs: predicted[config.counting],
      parameters: predicted.parameters,
      size: await fileBytes(model, subnet),
      latency: plan?.predicted.latency ?? null,
    },
    latency: comparison ? latencyMeasurement(comparison) : null,
    reachable: !missed,
    ...(missed ? { nearest: { [plan.measure]: plan.nearest } } : {}),
    choices,
    engine: { name: engine.name, device: engine.device },
  };
  const importances = unitImportances(mutator);
  const report = await writeReport(job, analyzed, { summary, schedule: [], importances, subnet });
  return { status: 'succeeded', result: null, artifacts: [report] };
}
