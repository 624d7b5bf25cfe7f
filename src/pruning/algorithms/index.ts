import { EspalierError } from '../../errors.js';
import type { Graph } from '../../graph/graph.js';
import type { DynamicModel } from '../dynamic-ops/dynamic-model.js';
import type { MutatorParts } from '../mutators/index.js';
import type { AlgorithmConfig, BaseAlgorithm } from './base-algorithm.js';
import { IteAlgorithm } from './ite-algorithm.js';

/** A kind of algorithm as configs name it. */
export interface AlgorithmType {
  readonly name: string;
  readonly aliases?: readonly string[];
  /** @param parts what the config's mutator may name; absent: what comes with Espalier. */
  create(architecture: Graph | DynamicModel, config: AlgorithmConfig, parts?: MutatorParts): BaseAlgorithm;
}

/** Every algorithm that comes with Espalier. */
export const ALGORITHM_TYPES: readonly AlgorithmType[] = [
  {
    name: 'IteAlgorithm',
    aliases: ['ItePruneAlgorithm', 'PruneAlgoritm'],
    create: (architecture, config, parts) => new IteAlgorithm(architecture, config, parts),
  },
];

/** @throws EspalierError CONFIG_INVALID for a type that there is not, and whatever the algorithm's config brings. */
export function createAlgorithm(
  architecture: Graph | DynamicModel,
  { type, ...config }: AlgorithmConfig & { readonly type: string },
  parts?: MutatorParts & { readonly algorithms: readonly AlgorithmType[] },
): BaseAlgorithm {
  const types = parts?.algorithms ?? ALGORITHM_TYPES;
  const found = types.find((entry) => entry.name === type || entry.aliases?.includes(type));
  if (found) return found.create(architecture, config, parts);
  const known = types.map((entry) => entry.name).join(', ');
  throw new EspalierError('CONFIG_INVALID', `unknown algorithm type ${type}; there are ${known}`);
}

export { type AlgorithmConfig, BaseAlgorithm, type RunOptions } from './base-algorithm.js';
export { IteAlgorithm } from './ite-algorithm.js';
export { type Choices, PruneSchedule, type PruneScheduleOptions } from './prune-schedule.js';
export type { PruneStep, Trainer, TrainStretch } from './trainer.js';
