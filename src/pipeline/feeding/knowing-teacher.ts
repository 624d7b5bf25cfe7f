import type { JobListener } from '../../contract.js';
import type { Scaling, Split } from '../../data/index.js';
import type { Engine } from '../../engine/engine.js';
import type { Graph } from '../../graph/graph.js';
import { evaluateScalings } from '../training/evaluation.js';
import type { ChosenHeads } from './choose-heads.js';

/** Samples that the original is asked about. */
const SAMPLES = 512;

type Heads = ChosenHeads['heads'];

export interface Taught {
  readonly engine: Engine;
  readonly graph: Graph;
  readonly heads: Heads;
  readonly train: Split;
  readonly scaling: Scaling;
  readonly listener: Pick<JobListener, 'log'>;
}

/**
 * Heads, without a teacher where the original gets no more than half of the labels right: it tells other classes apart than
 * those that are to be learned, or its own in another order.
 */
export async function keepKnowingTeachers({ engine, graph, heads, train, scaling, listener }: Taught): Promise<Heads> {
  const asked = heads.filter(({ labels, distillation }) => labels !== 'none' && distillation);
  if (asked.length === 0) return heads;
  const subject = { engine, graph, heads: { heads: asked } };
  const [{ metrics }] = await evaluateScalings(subject, train, [scaling], { limit: SAMPLES });
  const ignorant = new Set(metrics.filter(({ value }) => value <= 0.5).map(({ output }) => output));
  for (const output of ignorant) {
    listener.log(`${output} does not learn from the original, which gets no more than half of its labels right`);
  }
  return heads.map((head) => (ignorant.has(head.output) ? { ...head, distillation: undefined } : head));
}
