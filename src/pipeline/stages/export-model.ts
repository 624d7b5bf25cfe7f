import type { Graph } from '../../graph/graph.js';
import { withoutUnusedSpares } from '../../graph/passes/spare-biases.js';
import { type WrittenModel, writeModel } from '../artifacts.js';
import type { Pruned } from './prune-run.js';
import { stage } from './stage.js';

export interface Exported extends Pruned {
  /** The narrow network. */
  readonly subnet: Graph;
  readonly written: WrittenModel;
}

/** Writes the pruned model. */
export const exportModel = stage('exporting', async ({ spec }, pruned: Pruned): Promise<Exported> => {
  const subnet = withoutUnusedSpares(pruned.algorithm.mutator.exportSubnet().graph);
  return { ...pruned, subnet, written: await writeModel(pruned.model, subnet, spec.outDir) };
});
