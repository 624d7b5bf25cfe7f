/** Widths that the runtime rewards. */
import { beforeAll, describe, expect, test } from 'vitest';
import { openEngine } from '../../../src/engine/index.js';
import { planTarget } from '../../../src/pipeline/planning/plan-target.js';
import { BLOCKS, blocksOf, measureWidths, type WidthTable } from '../../../src/pipeline/planning/rewarded-widths.js';
import { resolveConfig } from '../../../src/prune-config/index.js';
import { ChannelMutator } from '../../../src/pruning/index.js';
import { GraphSketch } from '../../support/graph-sketch.js';
import { type JobBench, openJobBench, smallClassifier } from '../../support/job-bench.js';
import { useCpu } from '../../support/tfjs.js';

/** A CPU that takes 16 channels at once, and is at a loss where they are no multiple of 4. */
const TABLE: WidthTable = {
  convolution: { 1: 2, 2: 2, 4: 1.3, 8: 1.3, 16: 1 },
  pointwise: { 1: 1.05, 2: 1.05, 4: 1.05, 8: 1.05, 16: 1 },
  depthwise: { 1: 5, 2: 5, 4: 1.05, 8: 1.05, 16: 1 },
};

function net() {
  const s = new GraphSketch();
  const wide = s.relu(s.conv('wide', s.input('x', 3, 8, 8), 64));
  const narrow = s.relu(s.conv('narrow', wide, 16));
  const least = s.relu(s.conv('least', narrow, 6));
  const point = s.relu(s.conv('point', least, 48, { kernel: 1, pad: 0 }));
  const deep = s.relu(s.conv('deep', point, 48, { group: 48 }));
  s.builder.output('y', s.dense('head', s.globalPool(s.conv('last', deep, 32, { kernel: 1, pad: 0 })), 4));
  return s.builder.build();
}

function prepared(divisor: 'auto' | number): ChannelMutator {
  const mutator = new ChannelMutator({ channel_unit_cfg: { default_args: { divisor } } });
  mutator.prepareFromSupernet(net());
  return mutator;
}

test('a unit has the smallest block that costs about as little as the best that it is wide enough for', () => {
  const mutator = prepared('auto');
  const blockOf = blocksOf(TABLE, mutator.analysis.graph);
  const blocks = Object.fromEntries(mutator.mutableUnits.map((unit) => [unit.name.split('_')[0], blockOf(unit)]));
  expect(blocks).toEqual({ wide: 16, narrow: 4, least: 1, point: 4, last: 1 });
});

test('a plan keeps multiples of the blocks where `divisor` is auto, and any number where it is 1', async () => {
  for (const divisor of ['auto', 1] as const) {
    const mutator = prepared(divisor);
    const { graph } = mutator.analysis;
    const blockOf = blocksOf(TABLE, graph);
    const config = resolveConfig(
      {
        target: { macs: 0.47 },
        allocation: 'uniform',
        algorithm: { mutator_cfg: { channel_unit_cfg: { default_args: { divisor } } } },
      },
      { hasDataset: false },
    );
    const { signal } = new AbortController();
    const rest = { stopwatch: undefined as never, model: undefined as never, sizeBytes: 0 };
    const { choices } = await planTarget({ ...rest, uploaded: graph, mutator, config, signal, blockOf });
    mutator.setChoices(choices);
    const even = mutator.mutableUnits.every((unit) => unit.activatedChannels % blockOf(unit) === 0);
    expect(even).toBe(divisor === 'auto');
  }
});

test('what is measured is a number for each block and kind of layer, the best of them 1', async () => {
  const engine = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads: 1 });
  const table = await measureWidths(engine, new AbortController().signal);
  for (const costs of Object.values(table)) {
    expect(Object.keys(costs).map(Number)).toEqual(BLOCKS);
    expect(Math.min(...Object.values(costs))).toBe(1);
  }
});

describe('jobs', () => {
  let bench: JobBench;
  beforeAll(async () => {
    await useCpu();
    bench = await openJobBench(smallClassifier(), { train: 64, validation: 30 });
  });

  test('take `auto`, with samples and without', async () => {
    const auto = {
      target: { macs: 0.5 },
      finetune: false,
      algorithm: { mutator_cfg: { channel_unit_cfg: { default_args: { divisor: 'auto' } } } },
    };
    for (const data of [true, false]) {
      const { finetune, ...withoutData } = auto;
      const { outcome } = await bench.run(data ? { ...withoutData, finetune } : withoutData, { data });
      const { baseline, pruned, equivalence } = outcome.result!;
      expect(equivalence).toMatchObject({ ok: true });
      expect(pruned.macs).toBeLessThanOrEqual(0.5 * baseline.macs);
    }
  });
});
