import { describe, expect, test } from 'vitest';
import { graphCost } from '../../../src/graph/cost.js';
import type { Graph } from '../../../src/graph/graph.js';
import {
  ChannelMutator,
  type LatencyModel,
  type MutatorConfig,
  planChoices,
  ratioChoices,
  unreachable,
} from '../../../src/pruning/index.js';
import { GraphSketch } from '../../support/graph-sketch.js';

/** A small residual network: 64 and 96 channels, so that targets can be met closely. */
function residual(): Graph {
  const s = new GraphSketch();
  const stem = s.relu(s.batchNorm('bn0', s.conv('stem', s.input('x', 3, 8, 8), 64)));
  const branch = s.conv('c2', s.relu(s.conv('c1', stem, 96)), 64);
  const x = s.conv('down', s.op('Add', [stem, branch]), 96, { stride: 2 });
  return s.build(s.dense('head', s.dense('hidden', s.flattenChannelsLast(s.relu(x)), 80), 10));
}

function prepared(config: MutatorConfig = {}): ChannelMutator {
  const mutator = new ChannelMutator(config);
  mutator.prepareFromSupernet(residual());
  return mutator;
}

describe('planChoices', () => {
  test.each([
    ['macs', 'macs'],
    ['macs', 'mmrazor'],
    ['parameters', 'macs'],
    ['size', 'macs'],
  ] as const)('meets a target in %s (%s) and stays within 2%% below it', (measure, counting) => {
    const mutator = prepared();
    for (const share of [0.9, 0.75, 0.5, 0.3, 0.1]) {
      const plan = planChoices(mutator, { [measure]: share }, counting);
      expect(plan.reachable).toBe(true);
      const bound = share * plan.baseline[measure];
      expect(plan.predicted[measure]).toBeLessThanOrEqual(bound);
      expect(plan.predicted[measure]).toBeGreaterThan(0.98 * bound);
      mutator.setChoices(plan.choices);
      const { macs, mmrazor, parameters } = graphCost(mutator.exportSubnet().graph);
      const size = 4 * parameters;
      expect(plan.predicted).toEqual({ macs: counting === 'macs' ? macs : mmrazor, parameters, size, latency: null });
      expect(unreachable(plan)).toBeUndefined();
    }
  });

  test('takes absolute bounds', () => {
    const plan = planChoices(prepared(), { parameters: { at_most: 50_000 } }, 'macs');
    expect(plan.predicted.parameters).toBeLessThanOrEqual(50_000);
    expect(plan.predicted.parameters).toBeGreaterThan(49_000);
  });

  test('a target that the original meets leaves everything', () => {
    expect(Object.values(planChoices(prepared(), { macs: 1 }, 'macs').choices)).toEqual([1, 1, 1, 1]);
  });

  test('rounding, minimum and floor are honoured', () => {
    const mutator = prepared({ channel_unit_cfg: { default_args: { divisor: 8, min_value: 16 } } });
    const plan = planChoices(mutator, { macs: 0.3 }, 'macs');
    mutator.setChoices(plan.choices);
    for (const unit of mutator.mutableUnits) {
      expect(unit.activatedChannels % 8).toBe(0);
      expect(unit.activatedChannels).toBeGreaterThanOrEqual(16);
    }
    const floored = planChoices(prepared(), { macs: 0.01 }, 'macs', { floor: 0.25 });
    expect(floored.choices).toEqual(Object.fromEntries(Object.keys(floored.choices).map((name) => [name, 0.25])));
  });

  test('a target out of reach comes with the nearest that is not', () => {
    const mutator = prepared();
    const plan = planChoices(mutator, { macs: 0.001 }, 'macs');
    expect(plan.reachable).toBe(false);
    mutator.setChoices(plan.choices);
    const { macs } = graphCost(mutator.exportSubnet().graph);
    expect(plan.nearest).toBe(macs);
    expect(unreachable(plan)).toContain(`the least that can be reached is ${macs} `);
    expect(planChoices(mutator, { macs: { at_most: macs } }, 'macs').reachable).toBe(true);
  });

  test('takes the channels that matter least, wherever they are', () => {
    const mutator = prepared();
    const full = mutator.weights.get('c1.weight')!;
    // All filters of c1 but every fourth do next to nothing.
    const perFilter = full.data.length / 96;
    const data = (full.data as Float32Array).map((w, i) => (Math.floor(i / perFilter) % 4 === 0 ? w : w / 1000));
    mutator.setWeights(new Map([['c1.weight', { ...full, data }]]));
    const plan = planChoices(mutator, { macs: 0.6 }, 'macs');
    mutator.setChoices(plan.choices);
    const c1 = mutator.mutableUnits.find((unit) => unit.name === 'c1_(0, 96)_96')!;
    for (let i = 0; i < 96; i += 4) expect(c1.currentMask[i]).toBe(1);
    expect(c1.activatedChannels).toBeLessThan(60);
    for (const unit of mutator.mutableUnits) if (unit !== c1) expect(unit.currentChoice).toBe(1);
  });

  test('units of equal channels are pruned evenly', () => {
    const mutator = prepared({ channel_unit_cfg: { type: 'SequentialChannelUnit' } });
    const shares = Object.values(planChoices(mutator, { parameters: 0.3 }, 'macs').choices);
    expect(Math.max(...shares) - Math.min(...shares)).toBeLessThan(0.05);
  });

  test('a target that has to be measured is refused', () => {
    expect(() => planChoices(prepared(), { latency: 0.5 }, 'macs')).toThrow(/macs, parameters, size/);
  });

  test('a latency target goes by what the model says a layer costs, not by its MACs', () => {
    const mutator = prepared();
    const [slow] = mutator.analysis.graph.nodes.filter((node) => node.op === 'Conv');
    const latency: LatencyModel = {
      nodeMs: (node, { macs }) => macs * (node.name === slow.name ? 1e-3 : 1e-9),
    };
    const kept = ({ choices }: { choices: Record<string, number> }) => choices[mutator.mutableUnits[0].name];
    const plan = planChoices(mutator, { latency: 0.5 }, 'macs', { latency });
    expect(plan.reachable).toBe(true);
    expect(plan.predicted.latency).toBeLessThanOrEqual(0.5 * plan.baseline.latency!);
    expect(kept(plan)).toBeLessThanOrEqual(0.5);
    expect(plan.predicted.macs).toBeGreaterThan(0);
  });

  test('widths are multiples of a block, or all, where units are wide enough', () => {
    const mutator = prepared();
    const plan = planChoices(mutator, { macs: 0.5 }, 'macs', { blockOf: () => 8 });
    expect(plan.reachable).toBe(true);
    mutator.setChoices(plan.choices);
    for (const { activatedChannels, numChannels } of mutator.mutableUnits) {
      if (numChannels >= 16 && activatedChannels < numChannels) expect(activatedChannels % 8).toBe(0);
    }
  });
});

describe('allocations', () => {
  test('uniform: the same share of every unit', () => {
    for (const share of [0.7, 0.3]) {
      const plan = planChoices(prepared(), { macs: share }, 'macs', { allocation: 'uniform' });
      expect(plan.predicted.macs).toBeLessThanOrEqual(share * plan.baseline.macs);
      const shares = Object.values(plan.choices);
      expect(Math.max(...shares) - Math.min(...shares)).toBeLessThan(0.05);
    }
  });

  /** Losses at a quarter and a half of the channels. */
  const curve = (channels: number, [quarter, half]: readonly [number, number]) => [
    { kept: channels / 4, loss: quarter },
    { kept: channels / 2, loss: half },
  ];
  const planned = (losses: readonly (readonly [number, number] | undefined)[], share: number) => {
    const mutator = prepared();
    const sensitivities = new Map(
      mutator.mutableUnits.flatMap(({ name, numChannels }, u) => {
        const own = losses[u];
        return own ? [[name, curve(numChannels, own)] as const] : [];
      }),
    );
    return planChoices(mutator, { macs: share }, 'macs', { allocation: 'sensitivity', sensitivities });
  };

  test.each([0.9, 0.6, 0.3, 0.1])('sensitivity: meets a target of %d and stays within 2%% below it', (share) => {
    const plan = planned(
      [
        [1, 0.2],
        [0.5, 0.1],
        [0.4, 0.2],
        [0.1, 0.01],
      ],
      share,
    );
    expect(plan.reachable).toBe(true);
    expect(plan.predicted.macs).toBeLessThanOrEqual(share * plan.baseline.macs);
    expect(plan.predicted.macs).toBeGreaterThan(0.98 * share * plan.baseline.macs);
  });

  test('sensitivity: channels go where the network loses least for what it saves', () => {
    const [stem, c1, down] = Object.values(
      planned(
        [
          [9, 3],
          [1e-3, 1e-4],
          [9, 3],
          [9, 3],
        ],
        0.6,
      ).choices,
    );
    expect(c1).toBeLessThan(0.6);
    expect(stem).toBeGreaterThan(0.9);
    expect(down).toBeGreaterThan(0.9);
  });

  test('sensitivity: losses that grow later weigh nothing before; what was not measured goes last', () => {
    const shares = Object.values(planned([[9, 1e-6], [9, 1], undefined, [9, 1]], 0.8).choices);
    expect(shares[0]).toBeLessThan(shares[1]);
    expect(shares[2]).toBe(1);
  });

  test('sensitivity of a single width is told for all', () => {
    const mutator = prepared();
    const sensitivities = new Map(
      mutator.mutableUnits.map(({ name, numChannels }) => [
        name,
        [{ kept: numChannels / 2, loss: Number.POSITIVE_INFINITY }],
      ]),
    );
    const plan = planChoices(mutator, { macs: 0.1 }, 'macs', { allocation: 'sensitivity', sensitivities });
    expect(plan.reachable).toBe(true);
  });

  test('sensitivity without a measurement is a plan all the same', () => {
    const plan = planned([undefined, undefined, undefined, undefined], 0.5);
    expect(plan.reachable).toBe(true);
    expect(Math.min(...Object.values(plan.choices))).toBeGreaterThan(0.3);
  });
});

test('ratioChoices gives one ratio to every unit, or takes them by name', () => {
  const mutator = prepared();
  expect(Object.values(ratioChoices(mutator, 0.5))).toEqual([0.5, 0.5, 0.5, 0.5]);
  expect(ratioChoices(mutator, { 'c1_(0, 96)_96': 0.25 })).toEqual({ 'c1_(0, 96)_96': 0.25 });
  expect(() => ratioChoices(mutator, 1.5)).toThrow(/share/);
  expect(() => ratioChoices(mutator, { 'c1_(0, 96)_95': 0.5 })).toThrow(/did you mean/);
});
