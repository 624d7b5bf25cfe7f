import type { Graph } from '../../graph/graph.js';
import { type AlgorithmParameters, getNamed, type Named } from '../config/named.js';
import type { DynamicModel } from '../dynamic-ops/dynamic-model.js';
import type { MutatorParts } from '../mutators/index.js';
import type { AlgorithmConfig, BaseAlgorithm } from './base-algorithm.js';
import { IteAlgorithm, type IteConfig } from './ite-algorithm.js';

/** A kind of algorithm as configs name it. */
export interface AlgorithmType extends Named {
  /** Absent: those of `IteAlgorithm`. */
  readonly parameters?: AlgorithmParameters;
  /** @param parts what the config's mutator may name; absent: what comes with Espalier. */
  create(architecture: Graph | DynamicModel, config: AlgorithmConfig, parts?: MutatorParts): BaseAlgorithm;
}

/** Every algorithm that comes with Espalier. */
export const ALGORITHM_TYPES: readonly AlgorithmType[] = [
  {
    name: 'IteAlgorithm',
    aliases: ['ItePruneAlgorithm', 'PruneAlgoritm'],
    parameters: IteAlgorithm.parameters,
    create: (architecture, config: IteConfig, parts) => new IteAlgorithm(architecture, config, parts),
  },
];

/** @throws EspalierError CONFIG_INVALID for a type that there is not, and whatever the algorithm's config brings. */
export function createAlgorithm(
  architecture: Graph | DynamicModel,
  { type, ...config }: AlgorithmConfig & { readonly type: string },
  parts?: MutatorParts & { readonly algorithms: readonly AlgorithmType[] },
): BaseAlgorithm {
  return getNamed('algorithm type', type, parts?.algorithms ?? ALGORITHM_TYPES).create(architecture, config, parts);
}

export type { AlgorithmParameters } from '../config/named.js';
export { type AlgorithmConfig, BaseAlgorithm, type RunOptions } from './base-algorithm.js';
export { IteAlgorithm, type IteConfig } from './ite-algorithm.js';
export { type Choices, PruneSchedule, type PruneScheduleOptions } from './prune-schedule.js';
export type { PruneStep, Trainer, TrainStretch } from './trainer.js';
