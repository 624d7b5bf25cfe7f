import type { JobListener } from '../../contract.js';
import type { Graph } from '../../graph/graph.js';
import type { FinetuneConfig } from '../../prune-config/index.js';
import type { TrainingSummary } from '../../report/unit-report.js';
import type { JobData } from '../feeding/job-data.js';
import type { Evaluation } from './evaluation.js';
import type { SubnetTrainer } from './subnet-trainer.js';

/** How a job was trained, for its report. */
export function trainingSummary(
  { epochs, batch_size }: FinetuneConfig,
  { heads }: JobData,
  { plan, state, epochsTrained }: SubnetTrainer,
): TrainingSummary {
  const { best } = state.stopping;
  return {
    outputs: heads.map(({ output, loss, labels, distillation }) => ({
      name: output,
      loss,
      labels,
      distilled: labels === 'none' || distillation !== undefined,
    })),
    epochs,
    epochs_trained: epochsTrained,
    ...(best ? { best_epoch: best.epoch } : {}),
    batch_size,
    micro_batch_size: plan ? Math.min(plan.microBatch, batch_size) : batch_size,
    step_memory_bytes: plan ? Math.round(plan.bytes) : null,
  };
}

/** Says how the validation part is scored after an epoch: `accuracy`, `loss`, and every metric of another name. */
export function reportScore(listener: Pick<JobListener, 'metric'>, score: Evaluation, epoch: number): void {
  const { accuracy, loss, metrics } = score;
  if (accuracy !== null) listener.metric({ name: 'accuracy', value: accuracy, epoch });
  listener.metric({ name: 'loss', value: loss, epoch });
  for (const { output, metric, value } of metrics) {
    const name = metrics.length === 1 ? metric : `${metric}/${output}`;
    if (name !== 'accuracy') listener.metric({ name, value, epoch });
  }
}

/** Layers that their author froze are pruned, and not trained. */
export function warnOfFrozen({ constants, nodes }: Graph, listener: Pick<JobListener, 'warning'>): void {
  const frozen = nodes.filter(({ inputs }) => inputs.some((id) => constants.get(id)?.frozen));
  const layers = [...new Set(frozen.map(({ layer, name }) => layer ?? name))];
  if (layers.length === 0) return;
  const listed = `${layers.slice(0, 5).join(', ')}${layers.length > 5 ? ', …' : ''}`;
  listener.warning({
    code: 'LAYERS_FROZEN',
    message: `${layers.length} layers are not trained, since the file says trainable: false: ${listed}`,
  });
}
