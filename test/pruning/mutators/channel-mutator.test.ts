import { describe, expect, test } from 'vitest';
import { graphCost } from '../../../src/graph/cost.js';
import type { Graph } from '../../../src/graph/graph.js';
import { tensor } from '../../../src/graph/tensor.js';
import {
  BUILT_IN_PARTS,
  ChannelMutator,
  createMutator,
  type MutatorConfig,
  OneShotChannelMutator,
  planChoices,
  SequentialChannelUnit,
} from '../../../src/pruning/index.js';
import { faultOf } from '../../support/fault-of.js';
import { GraphSketch } from '../../support/graph-sketch.js';
import { seededRandom } from '../../support/seeded-random.js';

const A = 'a_(0, 8)_8';
const B = 'b_(0, 10)_10';

function twoUnits(): Graph {
  const s = new GraphSketch();
  const a = s.relu(s.batchNorm('bn', s.conv('a', s.input('x', 3, 6, 6), 8)));
  return s.build(s.dense('head', s.globalPool(s.conv('b', a, 10)), 4));
}

function prepared(config: MutatorConfig = {}, graph = twoUnits()): ChannelMutator {
  const mutator = new ChannelMutator(config);
  mutator.prepareFromSupernet(graph);
  return mutator;
}

describe('choices', () => {
  test('start at the full width and are set by name, in part', () => {
    const mutator = prepared();
    expect(mutator.choiceTemplate).toEqual({ [A]: 1, [B]: 1 });
    const set = mutator.setChoices({ [B]: 0.55 });
    expect(set).toEqual({ [B]: { choice: 0.55, current: 0.5, activatedChannels: 5 } });
    expect(mutator.currentChoices).toEqual({ [A]: 1, [B]: 0.5 });
  });

  test('an unknown name is refused with the near misses, and nothing is set', () => {
    const mutator = prepared();
    const fault = faultOf(() => mutator.setChoices({ [A]: 0.5, 'b_(0, 10)_1': 0.5 }));
    expect(fault.code).toBe('UNIT_UNKNOWN');
    expect(fault.message).toContain(`did you mean "${B}"`);
    expect(mutator.currentChoices).toEqual({ [A]: 1, [B]: 1 });
  });

  test('a unit that can not be pruned says why', () => {
    const fault = faultOf(() => prepared().setChoices({ 'head_(0, 4)_4': 0.5 }));
    expect(fault).toMatchObject({ code: 'UNIT_UNKNOWN', message: expect.stringContaining('output y of the model') });
  });

  test.each([
    ['ratio', 2],
    ['ratio', 0],
    ['number', 0.5],
    ['number', 9],
    ['bucket', 3],
  ] as const)('mode %s refuses %d, and nothing is set', (choice_mode, choice) => {
    const mutator = prepared({ channel_unit_cfg: { default_args: { choice_mode, candidate_choices: [4, 8] } } });
    const before = mutator.currentChoices;
    expect(faultOf(() => mutator.setChoices({ [B]: before[B], [A]: choice })).code).toBe('CHOICE_INVALID');
    expect(mutator.currentChoices).toEqual(before);
  });

  test('one channel and all channels are told apart by the mode', () => {
    const ratio = prepared();
    ratio.setChoices({ [A]: 1 });
    expect(ratio.units.find(({ name }) => name === A)?.activatedChannels).toBe(8);
    const number = prepared({ channel_unit_cfg: { default_args: { choice_mode: 'number' } } });
    number.setChoices({ [A]: 1 });
    expect(number.units.find(({ name }) => name === A)?.activatedChannels).toBe(1);
  });

  test('buckets of ratios and of numbers', () => {
    const shares = prepared({
      channel_unit_cfg: { default_args: { choice_mode: 'bucket', candidate_choices: [1, 0.5] } },
    });
    shares.setChoices({ [A]: 0.5 });
    expect(shares.currentChoices).toEqual({ [A]: 0.5, [B]: 1 });
    const counts = prepared({
      channel_unit_cfg: { default_args: { choice_mode: 'bucket', candidate_choices: [2, 6] } },
    });
    counts.setChoices({ [A]: 6, [B]: 2 });
    expect(counts.mutableUnits.map((unit) => unit.activatedChannels)).toEqual([6, 2]);
    expect(counts.mutableUnits[0].candidateChoices).toEqual([2, 6]);
  });

  test('sampled choices can be set, and the same seed gives the same', () => {
    const mutator = prepared({ channel_unit_cfg: { default_args: { divisor: 4 } } });
    const random = seededRandom(3);
    for (let i = 0; i < 50; i++) {
      const choices = mutator.sampleChoices('random', random);
      mutator.setChoices(choices);
      expect(mutator.currentChoices).toEqual(choices);
    }
    const sample = (seed: number) => mutator.sampleChoices('random', seededRandom(seed));
    expect(sample(9)).toEqual(sample(9));
  });

  test('a fixed choice stays, and so does what is set with it', () => {
    const mutator = prepared();
    mutator.setChoices({ [A]: 0.5 });
    mutator.getMutableUnit(A).fixChosen();
    const fault = faultOf(() => mutator.setChoices({ [B]: 0.5, [A]: 1 }));
    expect(fault).toMatchObject({ code: 'CHOICE_INVALID', message: expect.stringContaining('fixed to 0.5') });
    expect(mutator.currentChoices).toEqual({ [A]: 0.5, [B]: 1 });
    mutator.fixChosen();
    expect(faultOf(() => mutator.setChoices({ [B]: 0.5 })).message).toContain('fixed to 1');
  });

  test('a criterion that fails on the way leaves everything as it was', () => {
    let failing = false;
    const criterion = {
      name: 'fails',
      importance: ({ name, numChannels }: { name: string; numChannels: number }) => {
        if (failing && name === B) throw new Error('no idea');
        return new Float64Array(numChannels).fill(1);
      },
    };
    const mutator = prepared({
      channel_unit_cfg: { type: 'CriterionChannelUnit', criterion: 'fails' },
      parts: { unitTypes: BUILT_IN_PARTS.unitTypes, criteria: [criterion] },
    });
    mutator.setChoices({ [A]: 0.75, [B]: 0.8 });
    const before = mutator.state;
    failing = true;
    expect(() => mutator.setChoices({ [A]: 0.25, [B]: 0.2 })).toThrow('no idea');
    expect(mutator.state).toEqual(before);
  });

  test.each<[string, (n: number) => unknown, string]>([
    ['too few numbers', () => new Float64Array(3), 'gave 3 numbers for unit a_(0, 8)_8, 8 numbers are needed'],
    ['no number', (n) => new Float64Array(n).fill(Number.NaN, 2), 'gave NaN for channel 2'],
    ['no finite number', (n) => new Float64Array(n).fill(Number.POSITIVE_INFINITY), 'gave Infinity for channel 0'],
    ['a single number', () => 7, 'gave number for unit a_(0, 8)_8, 8 numbers are needed'],
  ])('a criterion that gives %s is told of', (_name, give, message) => {
    const importance = (unit: { numChannels: number }) => give(unit.numChannels) as Float64Array;
    const mutator = prepared({
      channel_unit_cfg: { type: 'CriterionChannelUnit', criterion: 'odd' },
      parts: { unitTypes: BUILT_IN_PARTS.unitTypes, criteria: [{ name: 'odd', importance }] },
    });
    const fault = faultOf(() => mutator.setChoices({ [A]: 0.5 }));
    expect(fault.code).toBe('IMPORTANCE_INVALID');
    expect(fault.message).toContain(`criterion odd ${message}`);
  });

  test('masks survive a checkpoint', () => {
    const mutator = prepared();
    mutator.setChoices({ [A]: 0.5, [B]: 0.3 });
    const state = JSON.parse(JSON.stringify(mutator.state));
    const resumed = prepared();
    resumed.restoreState(state);
    expect(resumed.state).toEqual(mutator.state);
    expect(resumed.currentChoices).toEqual(mutator.currentChoices);
  });
});

test('a checkpoint that does not fit changes nothing', () => {
  const mutator = prepared();
  mutator.setChoices({ [A]: 0.5 });
  const before = mutator.state;
  const whole = new Array<number>(8).fill(1);
  expect(() => mutator.restoreState({ [A]: whole, [B]: [1, 0] })).toThrow(/10 channels is needed, got 2/);
  expect(faultOf(() => mutator.restoreState({ [A]: whole, nope: [1] })).code).toBe('UNIT_UNKNOWN');
  expect(mutator.state).toEqual(before);
});

describe('L1 units', () => {
  test('keep the filters of greatest mean weight, of equals the first, ascending', () => {
    const mutator = prepared();
    const means = [0.3, 0.5, 0.1, 0.5, 0.2, 0.5, 0.4, 0.5];
    const weights = Float32Array.from({ length: 8 * 27 }, (_, i) => (i % 2 ? -1 : 1) * means[Math.floor(i / 27)]);
    mutator.setWeights(new Map([['a.weight', tensor('float32', [8, 3, 3, 3], weights)]]));
    const [unit] = mutator.mutableUnits;
    expect([...unit.importance(mutator.importanceSource)!].map((v) => Number(v.toFixed(6)))).toEqual(means);
    mutator.setChoices({ [A]: 3 / 8 });
    expect([...unit.keptIndices]).toEqual([1, 3, 5]);
  });

  test('see the full weights each time, so that a channel can come back', () => {
    const mutator = prepared();
    const filters = (values: number[]) =>
      tensor(
        'float32',
        [8, 3, 3, 3],
        Float32Array.from({ length: 216 }, (_, i) => values[Math.floor(i / 27)]),
      );
    mutator.setWeights(new Map([['a.weight', filters([8, 7, 6, 5, 4, 3, 2, 1])]]));
    mutator.setChoices({ [A]: 0.25 });
    expect([...mutator.mutableUnits[0].keptIndices]).toEqual([0, 1]);
    mutator.setWeights(new Map([['a.weight', filters([1, 2, 3, 4, 5, 6, 7, 8])]]));
    mutator.setChoices({ [A]: 0.25 });
    expect([...mutator.mutableUnits[0].keptIndices]).toEqual([6, 7]);
  });

  test('average over the layers of a sum and over the segments of a grouped convolution', () => {
    const s = new GraphSketch();
    const x = s.input('x', 4, 4, 4);
    const sum = s.op('Add', [s.conv('p', x, 4, { kernel: 1 }), s.conv('q', x, 4, { group: 2 })]);
    const mutator = prepared({}, s.build(s.conv('out', sum, 2)));
    const [unit] = mutator.mutableUnits;
    expect(unit.name).toBe('p_(0, 2)_2');
    const mean = (id: string, filter: number): number => {
      const { data, shape } = mutator.weights.get(id)!;
      const length = data.length / shape[0];
      const filterWeights = [...(data as Float32Array)].slice(filter * length, (filter + 1) * length);
      return filterWeights.reduce((total, w) => total + Math.abs(w), 0) / length;
    };
    const expected = [0, 1].map(
      (c) => (mean('p.weight', c) + mean('p.weight', c + 2) + mean('q.weight', c) + mean('q.weight', c + 2)) / 4,
    );
    const found = unit.importance(mutator.importanceSource)!;
    for (const c of [0, 1]) expect(found[c]).toBeCloseTo(expected[c], 12);
  });

  test('whose weights the model computes can not be ranked, and say so', () => {
    const s = new GraphSketch();
    const x = s.input('x', 3, 4, 4);
    const kernel = s.op('Exp', [s.literal('k', 5, 3, 1, 1)]);
    const mutator = prepared({}, s.build(s.conv('out', s.op('Conv', [x, kernel], {}, 'made'), 2)));
    expect(mutator.mutableUnits).toEqual([]);
    expect(mutator.unprunable).toContainEqual(
      expect.objectContaining({ layer: 'made', code: 'NO_WEIGHTS', channels: 5 }),
    );
  });
});

test('weights of another shape, or that the graph has not, are refused', () => {
  const slice = tensor('float32', [1], [1]);
  expect(() => prepared().setWeights(new Map([['a.bias', slice]]))).toThrow(
    'a.bias has shape [1], the full graph has [8]',
  );
  expect(() => prepared().setWeights(new Map([['nope', slice]]))).toThrow('the full graph has none');
});

test('sequential units keep the first channels', () => {
  const mutator = prepared({ channel_unit_cfg: { type: 'SequentialMutableChannelUnit' } });
  mutator.setChoices({ [A]: 0.5 });
  expect([...mutator.mutableUnits[0].currentMask]).toEqual([1, 1, 1, 1, 0, 0, 0, 0]);
});

describe('config template', () => {
  test('is the JSON of the units call', () => {
    const mutator = prepared();
    expect(mutator.configTemplate({ onlyMutableUnits: true, withUnitInitArgs: true, withChannels: true })).toEqual({
      type: 'ChannelMutator',
      channel_unit_cfg: {
        type: 'CriterionChannelUnit',
        default_args: { choice_mode: 'ratio', divisor: 1, min_value: 1, min_ratio: 0.9 },
        units: {
          [A]: {
            init_args: { num_channels: 8, choice_mode: 'ratio', divisor: 1, min_value: 1, min_ratio: 0.9 },
            channels: {
              output_related: [
                { name: 'a', start: 0, end: 8 },
                { name: 'bn', start: 0, end: 8 },
              ],
              input_related: [
                { name: 'bn', start: 0, end: 8 },
                { name: 'b', start: 0, end: 8 },
              ],
            },
            choice: 1,
            num_channels: 8,
            is_mutable: true,
          },
          [B]: {
            init_args: { num_channels: 10, choice_mode: 'ratio', divisor: 1, min_value: 1, min_ratio: 0.9 },
            channels: {
              output_related: [{ name: 'b', start: 0, end: 10 }],
              input_related: [{ name: 'head', start: 0, end: 10 }],
            },
            choice: 1,
            num_channels: 10,
            is_mutable: true,
          },
        },
      },
      parse_cfg: { type: 'ChannelAnalyzer' },
      unprunable: [{ layer: 'head', channels: 4, code: 'OUTPUT', reason: 'output y of the model must keep its shape' }],
    });
  });

  test('lists units that can not be pruned, and leaves out what is not asked for', () => {
    const { units } = prepared().configTemplate().channel_unit_cfg;
    expect(units).toEqual({
      'a_(0, 3)_3': { choice: 1, num_channels: 3, is_mutable: false },
      [A]: { choice: 1, num_channels: 8, is_mutable: true },
      [B]: { choice: 1, num_channels: 10, is_mutable: true },
      'head_(0, 4)_4': { choice: 1, num_channels: 4, is_mutable: false },
    });
  });

  test('can be sent back in, as it is and as a Config', () => {
    const mutator = prepared({ channel_unit_cfg: { default_args: { divisor: 2 } } });
    mutator.setChoices({ [A]: 0.5 });
    const template = mutator.configTemplate({ withUnitInitArgs: true, withChannels: true });
    for (const type of ['ChannelAnalyzer', 'Config']) {
      const again = prepared({ ...template, parse_cfg: { type } });
      expect(again.currentChoices).toEqual(mutator.currentChoices);
      expect({ ...again.configTemplate({ withUnitInitArgs: true, withChannels: true }), parse_cfg: {} }).toEqual({
        ...template,
        parse_cfg: {},
      });
    }
  });
});

describe('units of a config', () => {
  const channels = {
    output_related: [{ name: 'a' }, { name: 'bn' }],
    input_related: [{ name: 'bn' }, { name: 'b' }],
  };
  const own = (unit: object): MutatorConfig => ({
    channel_unit_cfg: { units: { mine: { init_args: { num_channels: 8 }, channels, ...unit } } },
    parse_cfg: { type: 'Config' },
  });

  test('have the names that the config gives them, and whole layers by default', () => {
    const mutator = prepared(own({ choice: 0.5 }));
    expect(mutator.currentChoices).toEqual({ mine: 0.5 });
  });

  test.each<[string, object, RegExp]>([
    [
      'a missing layer',
      { channels: { ...channels, input_related: [{ name: 'b' }] } },
      /mine.*input_related must hold bn/,
    ],
    [
      'a layer too many',
      { channels: { ...channels, input_related: [...channels.input_related, { name: 'head' }] } },
      /mine.*head \(0, 8\) is not input_related/,
    ],
    ['an unknown layer', { channels: { output_related: [{ name: 'nope' }], input_related: [] } }, /mine.*nope/],
    ['another width', { init_args: { num_channels: 4 } }, /mine.*a \(0, 4\)/],
    ['no channels', { channels: undefined }, /mine.*channels/],
  ])('%s contradicts the model', (_name, unit, message) => {
    const fault = faultOf(() => prepared(own(unit)));
    expect(fault.code).toBe('CONFIG_INVALID');
    expect(fault.message).toMatch(message);
  });

  test('arguments of one unit go over the defaults', () => {
    const mutator = prepared({
      channel_unit_cfg: { default_args: { min_ratio: 0.5 }, units: { [A]: { init_args: { divisor: 4 } } } },
    });
    expect(mutator.mutableUnits.map((unit) => unit.args)).toEqual([
      { choice_mode: 'ratio', divisor: 4, min_value: 1, min_ratio: 0.5 },
      { choice_mode: 'ratio', divisor: 1, min_value: 1, min_ratio: 0.5 },
    ]);
  });

  test.each<[string, MutatorConfig, string]>([
    ['an unknown unit', { channel_unit_cfg: { units: { nope: {} } } }, 'UNIT_UNKNOWN'],
    ['an unknown unit type', { channel_unit_cfg: { type: 'Nope' } }, 'CONFIG_INVALID'],
    ['a parser that there is not', { parse_cfg: { type: 'Predefined' } }, 'CONFIG_INVALID'],
    ['another width', { channel_unit_cfg: { units: { [A]: { init_args: { num_channels: 9 } } } } }, 'CONFIG_INVALID'],
    ['buckets without candidates', { channel_unit_cfg: { default_args: { choice_mode: 'bucket' } } }, 'CONFIG_INVALID'],
  ])('%s is refused', (_name, config, code) => {
    expect(faultOf(() => prepared(config)).code).toBe(code);
  });

  test("the guide's spellings are understood in code too", () => {
    const guide = { channl_unit_cfg: { type: 'SequentialMutableChannelUnit' } } as MutatorConfig;
    expect(prepared(guide).mutableUnits[0]).toBeInstanceOf(SequentialChannelUnit);
    const candidates = { channl_unit_cfg: { default_args: { candidate_choices: [0.25, 1] } } } as MutatorConfig;
    const oneShot = new OneShotChannelMutator(candidates);
    oneShot.prepareFromSupernet(twoUnits());
    expect(oneShot.minChoices).toEqual({ [A]: 0.25, [B]: 0.2 });
  });

  test.each<[string, object, RegExp]>([
    ['a misspelt field', { channel_unit_cg: {} }, /channel_unit_cg: unknown field; did you mean "channel_unit_cfg"/],
    ['no channels at all', { channel_unit_cfg: { default_args: { divisor: 0 } } }, /default_args\/divisor: /],
    ['a mode', { channel_unit_cfg: { default_args: { choice_mode: 'share' } } }, /choice_mode: must be one of/],
    ['a misspelt argument', { channel_unit_cfg: { units: { [A]: { init_args: { divisr: 2 } } } } }, /divisr: unknown/],
    ['a name of Object.prototype', { parse_cfg: { type: 'toString' } }, /parse_cfg.type must be/],
  ])('%s that there is not is refused in code too', (_name, config, message) => {
    const fault = faultOf(() => prepared(config as MutatorConfig));
    expect(fault.code).toBe('CONFIG_INVALID');
    expect(fault.message).toMatch(message);
  });

  test('candidates are held against the units that choose: an input that is narrower keeps all of its channels', () => {
    const candidates = (candidate_choices: number[]) => {
      const default_args = { choice_mode: 'number' as const, candidate_choices };
      const mutator = new OneShotChannelMutator({ channel_unit_cfg: { default_args } });
      mutator.prepareFromSupernet(twoUnits());
      return mutator.minChoices;
    };
    expect(candidates([4, 8])).toEqual({ [A]: 4, [B]: 4 });
    expect(faultOf(() => candidates([4, 9])).message).toMatch(/unit a_\(0, 8\)_8.*must be at most 8/);
  });

  test('a one-shot mutator needs units with candidates', () => {
    const mutator = new OneShotChannelMutator({ channel_unit_cfg: { type: 'L1ChannelUnit' } });
    mutator.prepareFromSupernet(twoUnits());
    expect(faultOf(() => mutator.sampleChoices('max')).message).toMatch(/L1ChannelUnit has no candidates/);
  });

  test('a template names the mutator as configs do, whatever its class is called', () => {
    const type = { name: 'Mine', create: (config: MutatorConfig) => new (class extends ChannelMutator {})(config) };
    const mutator = createMutator({ type: 'Mine' }, [type]);
    mutator.prepareFromSupernet(twoUnits());
    expect(mutator.configTemplate().type).toBe('Mine');
  });

  test('made in code by an alias, a mutator goes by its name', () => {
    const mutator = prepared({ type: 'ChanelMutator' });
    expect(mutator.type).toBe('ChannelMutator');
    expect(mutator.configTemplate().type).toBe('ChannelMutator');
  });

  test('a planned target holds where min_value is no multiple of divisor', () => {
    const default_args = { choice_mode: 'number' as const, divisor: 4, min_value: 5 };
    const mutator = prepared({ channel_unit_cfg: { default_args } });
    const plan = planChoices(mutator, { macs: 0.8 }, 'macs');
    mutator.setChoices(plan.choices);
    expect(mutator.currentChoices).toEqual(plan.choices);
    expect(graphCost(mutator.exportSubnet().graph).macs).toBe(plan.predicted.macs);
  });

  test('mutators are found by their names and aliases', () => {
    expect(createMutator({ type: 'ChanelMutator' })).toBeInstanceOf(ChannelMutator);
    expect(faultOf(() => createMutator({ type: 'Nope' })).code).toBe('CONFIG_INVALID');
  });
});
