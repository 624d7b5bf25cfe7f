/**
 * Seconds to find the units of a net: `npm run bench:analysis`. Beside them the times of mmrazor 1.0 (the original of
 * this framework) and Torch-Pruning on a 2-core machine of this kind, measured once.
 */
import { seededRandom } from '../../src/data/random.js';
import { ChannelMutator } from '../../src/pruning/index.js';
import { ANALYSIS_NETS } from './nets.js';

const RUNS = 7;

const PEERS: Readonly<Record<string, { mmrazor: number; torchPruning: number }>> = {
  'ResNet-18': { mmrazor: 0.48, torchPruning: 0.07 },
  'ResNet-50': { mmrazor: 1.4, torchPruning: 0.27 },
  'DenseNet-121': { mmrazor: 3.2, torchPruning: 0.93 },
  'RegNetY-400MF': { mmrazor: 5.9, torchPruning: 0.09 },
};

for (const [name, build] of Object.entries(ANALYSIS_NETS)) {
  const graph = build(seededRandom(1));
  const times: number[] = [];
  let units = 0;
  for (let run = 0; run < RUNS; run++) {
    const mutator = new ChannelMutator();
    const start = performance.now();
    mutator.prepareFromSupernet(graph);
    times.push(performance.now() - start);
    units = mutator.mutableUnits.length;
  }
  const [first] = times;
  const median = times.sort((a, b) => a - b)[RUNS >> 1];
  const { mmrazor, torchPruning } = PEERS[name];
  console.log(
    `${name}: ${units} units, first ${seconds(first)}, median ${seconds(median)} (mmrazor ${mmrazor} s, Torch-Pruning ${torchPruning} s)`,
  );
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(3)} s`;
}
