import type { Graph } from '../../graph/graph.js';
import { replaceConstants } from '../../graph/passes/replace-constants.js';
import type { Tensor } from '../../graph/tensor.js';
import { recover, samplesOf } from '../../recovery/index.js';
import type { RecoveryRow } from '../../report/unit-report.js';
import { recipesFor } from '../planning/recipes.js';
import type { Ranked } from './rank-channels.js';
import type { Job } from './stage.js';

/** After prune steps that others follow: what is recovered there is trained, and pruned again. */
const SAMPLES_BETWEEN = 128;
export interface RecoveredWeights {
  /** Full weights, by constant id: those that changed. */
  readonly weights: ReadonlyMap<string, Tensor>;
  /** The pruned network with them. */
  readonly subnet: Graph;
  readonly row: RecoveryRow;
}

type Recovered = Pick<Ranked, 'graph' | 'engine' | 'calibration'> & {
  readonly algorithm: Pick<Ranked['algorithm'], 'mutator'>;
};

/**
 * Sets the weights of what the mutator's choices leave by samples of the data set, without labels (see `src/recovery`).
 * @param isLast whether no prune step follows
 * @returns undefined where there is nothing to recover by, or nothing was asked for
 */
export async function recoverSubnet(
  { spec, signal, listener, progress }: Job,
  { graph, engine, calibration, algorithm: { mutator } }: Recovered,
  isLast: boolean,
): Promise<RecoveredWeights | undefined> {
  const { method } = spec.config.recovery;
  if (method === 'none') return undefined;
  progress.begin('recovering');
  const subnet = mutator.exportSubnet();
  const selection = mutator.selection();
  const networks = { original: graph, pruned: subnet.graph, kept: selection.kept.bind(selection) };
  const blocks = await calibration.blocks({ beside: subnet.graph, ...(isLast ? {} : { most: SAMPLES_BETWEEN }) });
  if (blocks.length === 0) return undefined;
  const samples = samplesOf(blocks);
  const recipes = recipesFor(spec.config.recovery, graph, samples);
  const { recipe, constants, divergences, withoutOffset } = await recover(networks, blocks, {
    engine,
    recipes,
    signal,
    onProgress: (share) => progress.within('recovering', share),
  });
  listener.log(`recovered by ${recipe} from ${samples} samples`, { divergences });
  progress.end('recovering');
  const changed = new Map([...constants.keys()].map((id) => [id, mutator.weights.get(id)!]));
  return {
    weights: subnet.writeBack(changed, constants),
    subnet: replaceConstants(subnet.graph, constants),
    row: { method: recipe, samples, divergences, without_bias: withoutOffset },
  };
}
