import { seededRandom } from '../../src/data/random.js';
import type { Graph } from '../../src/graph/graph.js';
import { ChannelMutator, planChoices } from '../../src/pruning/index.js';
import type { BenchNet } from './nets.js';

/** A net as it is, or pruned to half of its MACs in widths that are multiples of `divisor` where a unit is wide enough. */
export interface Variant {
  readonly name: 'full' | `half/${number}`;
  readonly divisor?: number;
}

/** 16 channels are the native engine's register tile on AVX2, 8 a vector. */
export const VARIANTS: readonly Variant[] = [
  { name: 'full' },
  { name: 'half/16', divisor: 16 },
  { name: 'half/8', divisor: 8 },
  { name: 'half/1', divisor: 1 },
];

/** Always the same graph for the same net and variant. */
export function buildVariant(net: BenchNet, { divisor }: Variant): Graph {
  const graph = net.build(seededRandom(1));
  if (divisor === undefined) return graph;
  const mutator = new ChannelMutator();
  mutator.prepareFromSupernet(graph);
  mutator.setChoices(planChoices(mutator, { macs: 0.5 }, 'macs', { blockOf: () => divisor }).choices);
  return mutator.exportSubnet().graph;
}
