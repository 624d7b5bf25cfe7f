import { withDefaults } from '../../checks/index.js';
import type { Graph } from '../../graph/graph.js';
import { algorithmInCode } from '../config/in-code.js';
import { type AlgorithmParameters, getNamed, type Named } from '../config/named.js';
import { algorithmSchema } from '../config/schema.js';
import type { DynamicModel } from '../dynamic-ops/dynamic-model.js';
import type { MutatorParts } from '../mutators/index.js';
import type { AlgorithmConfig, BaseAlgorithm } from './base-algorithm.js';
import { IteAlgorithm, type IteConfig } from './ite-algorithm.js';

/** A kind of algorithm as configs name it. */
export interface AlgorithmType extends Named {
  /** Its own fields of a config's `algorithm`. Absent: those of `IteAlgorithm`. */
  readonly parameters?: AlgorithmParameters;
  /**
   * @param config with every parameter that has a default
   * @param parts what the config's mutator may name; absent: what comes with Espalier
   */
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

/** The parameters that a config may give to an algorithm. */
export function parametersOf({
  parameters = IteAlgorithm.parameters,
}: Pick<AlgorithmType, 'parameters'>): AlgorithmParameters {
  return parameters;
}

/**
 * @param config with the algorithm's own parameters, which are checked and filled in
 * @throws EspalierError CONFIG_INVALID for a type or a parameter that there is not, and whatever the algorithm's config brings
 */
export function createAlgorithm(
  architecture: Graph | DynamicModel,
  { type, mutator_cfg, ...fields }: AlgorithmConfig & { readonly type: string; readonly [parameter: string]: unknown },
  parts?: MutatorParts & { readonly algorithms: readonly AlgorithmType[] },
): BaseAlgorithm {
  const found = getNamed('algorithm type', type, parts?.algorithms ?? ALGORITHM_TYPES);
  const schema = algorithmSchema(parametersOf(found), {});
  const config = withDefaults(schema, algorithmInCode(schema, fields)) as AlgorithmConfig;
  return found.create(architecture, { ...config, ...(mutator_cfg && { mutator_cfg }) }, parts);
}

export type { AlgorithmParameters } from '../config/named.js';
export { type AlgorithmConfig, BaseAlgorithm, type RunOptions } from './base-algorithm.js';
export { IteAlgorithm, type IteConfig } from './ite-algorithm.js';
export { type Choices, PruneSchedule, type PruneScheduleOptions } from './prune-schedule.js';
export { epochsOfSteps, fitPruneSteps, pruneSteps, pruneStepsFault, type TrainedEpochs } from './prune-steps.js';
export type { PruneStep, Trainer, TrainStretch } from './trainer.js';
