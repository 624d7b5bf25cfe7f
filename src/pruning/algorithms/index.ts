import { EspalierError } from '../../errors.js';
import type { Graph } from '../../graph/graph.js';
import { IteAlgorithm, type IteConfig } from './ite-algorithm.js';

/** A kind of algorithm as configs name it. */
export interface AlgorithmType {
  readonly name: string;
  readonly aliases: readonly string[];
  create(architecture: Graph, config: IteConfig): IteAlgorithm;
}

/** Every algorithm that comes with Espalier. */
export const ALGORITHM_TYPES: readonly AlgorithmType[] = [
  {
    name: 'IteAlgorithm',
    aliases: ['ItePruneAlgorithm', 'PruneAlgoritm'],
    create: (architecture, config) => new IteAlgorithm(architecture, config),
  },
];

/** @throws EspalierError CONFIG_INVALID for a type that there is not, and whatever the algorithm's config brings. */
export function createAlgorithm(
  architecture: Graph,
  { type, ...config }: IteConfig & { readonly type: string },
  types: readonly AlgorithmType[] = ALGORITHM_TYPES,
): IteAlgorithm {
  const found = types.find((entry) => entry.name === type || entry.aliases.includes(type));
  if (found) return found.create(architecture, config);
  const known = types.map((entry) => entry.name).join(', ');
  throw new EspalierError('CONFIG_INVALID', `unknown algorithm type ${type}; there are ${known}`);
}

export { IteAlgorithm, type IteConfig, type RunOptions } from './ite-algorithm.js';
export { type Choices, PruneSchedule, type PruneScheduleOptions } from './prune-schedule.js';
export type { PruneStep, Trainer, TrainStretch } from './trainer.js';
