import type { Graph } from '../../graph/graph.js';
import { withoutSpares } from '../../graph/passes/spare-biases.js';
import type { ChannelMutator } from '../../pruning/index.js';

/** What the mutator's choices leave, with all biases that recovery may put something into: none where nothing is pruned. */
export function plannedSubnet(mutator: ChannelMutator): Graph {
  const { graph } = mutator.exportSubnet();
  const isWhole = mutator.mutableUnits.every((unit) => unit.activatedChannels === unit.numChannels);
  return isWhole ? withoutSpares(graph) : graph;
}
