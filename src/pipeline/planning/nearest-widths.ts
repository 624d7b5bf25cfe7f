import type { Engine } from '../../engine/index.js';
import type { Graph } from '../../graph/graph.js';
import type { ChannelMutator } from '../../pruning/index.js';
import { type Block, type Recipe, recover } from '../../recovery/index.js';

type Choices = Readonly<Record<string, number>>;

interface Subject {
  readonly graph: Graph;
  readonly engine: Engine;
  readonly mutator: ChannelMutator;
  readonly blocks: readonly Block[];
  readonly recipes: readonly Recipe[];
  readonly signal: AbortSignal;
  readonly onProgress: (share: number) => void;
}

/**
 * Of widths that were planned in several ways, those whose network comes nearest to the original on samples held back, once it is
 * recovered: what units cost by themselves doesn't add up where much goes. The mutator is left as it was.
 * @param candidates by name; of equals the first is taken
 */
export async function nearestWidths(
  candidates: ReadonlyMap<string, Choices>,
  { graph, mutator, blocks, recipes, onProgress, ...options }: Subject,
): Promise<{ readonly name: string; readonly divergences: Readonly<Record<string, number>> }> {
  const masks = mutator.state;
  const divergences: Record<string, number> = {};
  let done = 0;
  try {
    for (const [name, choices] of candidates) {
      mutator.setChoices(choices);
      const selection = mutator.selection();
      const networks = { original: graph, pruned: mutator.exportSubnet().graph, kept: selection.kept.bind(selection) };
      const within = (share: number): void => onProgress((done + share) / candidates.size);
      const tried = await recover(networks, blocks, { ...options, recipes, triesOnly: true, onProgress: within });
      divergences[name] = Math.min(...Object.values(tried.divergences));
      mutator.restoreState(masks);
      done++;
    }
  } finally {
    mutator.restoreState(masks);
  }
  const names = [...candidates.keys()];
  const name = names.reduce((a, b) => (divergences[b] < divergences[a] ? b : a));
  return { name, divergences };
}
