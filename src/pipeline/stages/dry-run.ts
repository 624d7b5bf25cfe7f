import type { JobListener, JobResult, ModelMeasures } from '../../contract.js';
import type { Engine } from '../../engine/index.js';
import type { LoadedModel } from '../../formats/index.js';
import { graphCost } from '../../graph/cost.js';
import type { Graph } from '../../graph/graph.js';
import type { PruneConfig } from '../../prune-config/index.js';
import { type ChannelMutator, unreachable } from '../../pruning/index.js';
import type { DryRunSummary, UnitReport } from '../../report/unit-report.js';
import { latencyMeasurement } from '../planning/latency.js';
import type { PlannedTarget } from '../planning/plan-target.js';
import { warnOfRounding } from '../planning/rounded-choices.js';
import { layerRows, unitImportances, unitRows } from './build-report.js';
import { fileBytes } from './export-model.js';

export interface DryRun {
  readonly model: LoadedModel;
  /** The model with the outputs that stay. */
  readonly graph: Graph;
  /** Of the model's files. */
  readonly sizeBytes: number;
  readonly engine: Engine;
  readonly mutator: ChannelMutator;
  readonly planned: PlannedTarget;
  readonly config: PruneConfig;
  readonly listener: Pick<JobListener, 'warning'>;
}

/**
 * The report of a plan: the widths that would be chosen and what the model would cost. Sizes are of files as they would be
 * written; latencies are null unless the target is one, since only then something is timed. Leaves the mutator with the
 * planned choices.
 */
export async function reportDryRun(
  dryRun: DryRun,
  parts: Pick<UnitReport<JobResult>, 'warnings' | 'environment'>,
): Promise<UnitReport<DryRunSummary<ModelMeasures>>> {
  const { model, graph, sizeBytes, engine, mutator, planned, config, listener } = dryRun;
  const { choices, plan, comparison } = planned;
  const { counting } = config;
  const asked = mutator.setChoices(choices);
  warnOfRounding(mutator, asked, listener);
  const missed = plan && unreachable(plan);
  if (missed) listener.warning({ code: 'TARGET_UNREACHABLE', message: missed });
  const subnet = mutator.exportSubnet().graph;
  const before = graphCost(graph);
  const after = graphCost(subnet);
  return {
    summary: {
      baseline: {
        accuracy: null,
        loss: null,
        parameters: before.parameters,
        macs: before[counting],
        size_bytes: sizeBytes,
        latency_ms: plan?.baseline.latency ?? null,
      },
      predicted: {
        macs: after[counting],
        parameters: after.parameters,
        size: await fileBytes(model, subnet),
        latency: plan?.predicted.latency ?? null,
      },
      latency: comparison ? latencyMeasurement(comparison) : null,
      reachable: !missed,
      ...(missed ? { nearest: { [plan.measure]: plan.nearest } } : {}),
      choices,
      engine: { name: engine.name, device: engine.device },
    },
    schedule: [],
    units: unitRows(mutator, unitImportances(mutator)),
    layers: layerRows(model.graph, subnet, counting),
    unprunable: mutator.unprunable,
    ...parts,
  };
}
