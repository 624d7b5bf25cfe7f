/**
 * Seconds to find the units of a net: `npm run bench:analysis`. The first run is what one inspection of an upload costs;
 * the CPU time says what the median is worth on a busy machine. Beside them the time to rank the channels of all units by
 * L1, which mmrazor 1.0 (the original of this framework) and Torch-Pruning do not do here either, and their times on a
 * 2-core machine of this kind, measured once.
 */
import { seededRandom } from '../../src/data/random.js';
import { ChannelMutator } from '../../src/pruning/index.js';
import { ANALYSIS_NETS } from './nets.js';

const RUNS = 15;

const PEERS: Readonly<Record<string, { mmrazor: number; torchPruning: number }>> = {
  'ResNet-18': { mmrazor: 0.48, torchPruning: 0.07 },
  'ResNet-50': { mmrazor: 1.4, torchPruning: 0.27 },
  'DenseNet-121': { mmrazor: 3.2, torchPruning: 0.93 },
  'RegNetY-400MF': { mmrazor: 5.9, torchPruning: 0.09 },
};

for (const [name, build] of Object.entries(ANALYSIS_NETS)) {
  const graph = build(seededRandom(1));
  const times: number[] = [];
  const cpuTimes: number[] = [];
  let mutator = new ChannelMutator();
  for (let run = 0; run < RUNS; run++) {
    mutator = new ChannelMutator();
    const [start, cpu] = [performance.now(), process.cpuUsage()];
    mutator.prepareFromSupernet(graph);
    times.push(performance.now() - start);
    const { user, system } = process.cpuUsage(cpu);
    cpuTimes.push((user + system) / 1000);
  }
  const units = mutator.mutableUnits;
  const start = performance.now();
  for (const unit of units) unit.importance(mutator.importanceSource);
  const ranking = performance.now() - start;
  const { mmrazor, torchPruning } = PEERS[name];
  console.log(
    `${name}: ${units.length} units, first ${seconds(times[0])}, median ${seconds(median(times))} ` +
      `(CPU ${seconds(median(cpuTimes))}), ranking ${seconds(ranking)}; mmrazor ${mmrazor} s, Torch-Pruning ${torchPruning} s`,
  );
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(3)} s`;
}
