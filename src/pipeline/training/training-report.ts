import type { JobListener } from '../../contract.js';
import type { Graph } from '../../graph/graph.js';
import type { TrainingSummary } from '../../report/unit-report.js';
import type { JobData } from '../feeding/job-data.js';
import type { SettledFinetune } from '../feeding/settle-finetune.js';
import { percent, samplesText } from '../measuring/words.js';
import { deliveredPoint } from './best-point.js';
import type { Evaluation } from './evaluation.js';
import type { SubnetTrainer } from './subnet-trainer.js';

/** How a job was trained, for its report. */
export function trainingSummary(
  { epochs, iterationsPerEpoch, batch_size, budget, optimizer }: SettledFinetune,
  { heads, train }: JobData,
  { plan, state }: SubnetTrainer,
): TrainingSummary {
  const best = deliveredPoint(state.stopping);
  const whole = Math.ceil(train.count / batch_size);
  return {
    outputs: heads.map(({ output, loss, labels, distillation }) => ({
      name: output,
      loss,
      labels,
      distilled: labels === 'none' || distillation !== undefined,
    })),
    epochs: (epochs * iterationsPerEpoch) / whole,
    epochs_trained: state.steps / whole,
    steps: state.steps,
    optimizer: { type: optimizer.type, learning_rate: optimizer.learning_rate },
    ...(budget === undefined ? {} : { budget }),
    ...(best?.epoch === undefined || best.epoch === null ? {} : { best_epoch: best.epoch }),
    discarded: best?.epoch === null,
    batch_size,
    micro_batch_size: plan ? Math.min(plan.microBatch, batch_size) : batch_size,
    step_memory_bytes: plan ? Math.round(plan.bytes) : null,
  };
}

/**
 * Says that what training made is not delivered, where that is so.
 * @param after what it came to
 */
export function warnOfDiscarded(
  listener: Pick<JobListener, 'warning'>,
  { state }: Pick<SubnetTrainer, 'state'>,
  samples: number,
  after: string,
): void {
  const best = deliveredPoint(state.stopping);
  if (best?.epoch !== null) return;
  listener.warning({
    code: 'TRAINING_DISCARDED',
    message: `training gained nothing on the ${samplesText(samples)} held back (before it ${describeScore(best.score)}; then ${after}): the weights from before it are delivered; a lower learning rate or more samples may help`,
  });
}

export function describeScore({ accuracy, loss }: Evaluation): string {
  return `${accuracy === null ? '' : `accuracy ${percent(accuracy)}, `}loss ${loss.toPrecision(4)}`;
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
