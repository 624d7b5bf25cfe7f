import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { editDistanceWithin, nearMisses } from '../../src/checks/index.js';
import type { DatasetInspection, ModelInspection } from '../../src/contract.js';
import { checkConfigAgainstModel, resolveConfig } from '../../src/prune-config/index.js';

const model: ModelInspection = {
  format: 'tfjs-layers',
  name: 'mnist',
  inputs: [{ name: 'image', shape: [null, 28, 28, 1], dtype: 'float32' }],
  outputs: [
    { name: 'features', shape: [null, 84], dtype: 'float32' },
    { name: 'softmax', shape: [null, 10], dtype: 'float32' },
  ],
  parameters: 1000,
  macs: 5000,
  units: {
    type: 'ChannelMutator',
    channel_unit_cfg: {
      type: 'L1ChannelUnit',
      default_args: { choice_mode: 'ratio' },
      units: {
        'conv_1_(0, 6)_6': {
          init_args: { num_channels: 6, choice_mode: 'ratio', divisor: 1, min_value: 1, min_ratio: 0.9 },
          channels: {
            output_related: [{ name: 'conv_1', start: 0, end: 6 }],
            input_related: [{ name: 'conv_2', start: 0, end: 6 }],
          },
          choice: 1,
          num_channels: 6,
          is_mutable: true,
        },
        'conv_2_(0, 16)_16': { choice: 1, num_channels: 16, is_mutable: true },
        'dense_(0, 84)_84': { choice: 1, num_channels: 84, is_mutable: false },
      },
    },
    parse_cfg: { type: 'ChannelAnalyzer' },
    unprunable: [{ layer: 'dense', channels: 84, code: 'OUTPUT', reason: 'reaches an output' }],
  },
  warnings: [],
};

const dataset: DatasetInspection = {
  kind: 'npz',
  samples: { train: 100, validation: 0 },
  input_shape: [28, 28],
  dtype: 'uint8',
  label_kind: 'index',
  num_classes: 10,
  warnings: [],
};

/** The same model as ONNX has it: channels first. */
const channelsFirst = (...image: (number | null)[]): ModelInspection => ({
  ...model,
  format: 'onnx',
  inputs: [{ name: 'image', shape: [null, ...image], dtype: 'float32' }],
});

const both = ['features', 'softmax'];
const check = (config: unknown, data?: DatasetInspection) =>
  checkConfigAgainstModel(resolveConfig(config, { hasDataset: data !== undefined }), model, data).map(
    (f) => `${f.code} ${f.pointer}: ${f.message}`,
  );
const ratios = (target_pruning_ratio: object, default_args = {}) => ({
  outputs: both,
  algorithm: { target_pruning_ratio, mutator_cfg: { channel_unit_cfg: { default_args } } },
});
const R = '/config/algorithm/target_pruning_ratio';

describe('units and outputs', () => {
  test('mutable units and known outputs pass', () => {
    expect(check(ratios({ 'conv_1_(0, 6)_6': 0.5 }))).toEqual([]);
  });

  test('an unknown unit is named with its near misses', () => {
    expect(check(ratios({ 'conv_1_(0, 8)_8': 0.5 }))).toEqual([
      `UNIT_UNKNOWN ${R}/conv_1_(0, 8)_8: the model has no mutable unit "conv_1_(0, 8)_8"; did you mean "conv_1_(0, 6)_6" or "conv_2_(0, 16)_16"?`,
    ]);
  });

  test('a unit that is not mutable is refused', () => {
    expect(check(ratios({ 'dense_(0, 84)_84': 0.5 }))[0]).toMatch(/^UNIT_UNKNOWN .*can't be pruned/);
  });

  test('with fewer outputs other units may be free: names are left to the job', () => {
    expect(check({ ...ratios({ 'dense_(0, 84)_84': 0.5 }), outputs: ['softmax'] })).toEqual([]);
  });

  test('settings for an unknown unit are refused', () => {
    const config = { algorithm: { mutator_cfg: { channel_unit_cfg: { units: { nothing: {} } } } } };
    expect(check(config)).toEqual([
      'UNIT_UNKNOWN /config/algorithm/mutator_cfg/channel_unit_cfg/units/nothing: the model has no mutable unit "nothing"',
    ]);
  });

  test('a unit can not keep more channels than it has', () => {
    expect(check(ratios({ 'conv_1_(0, 6)_6': 7 }, { choice_mode: 'number' }))).toEqual([
      `CHOICE_INVALID ${R}/conv_1_(0, 6)_6: must be at most 6, the channels of the unit, found 7`,
    ]);
  });

  test('an unknown output is named with its near misses', () => {
    expect(check({ outputs: ['softmx'] })).toEqual([
      'OUTPUT_UNKNOWN /config/outputs/0: the model has no output "softmx"; did you mean "softmax"?',
    ]);
  });

  test('what /units answers can be sent back with parse_cfg.type Config', () => {
    const { 'conv_1_(0, 6)_6': unit } = model.units.channel_unit_cfg.units;
    const template = { ...model.units, channel_unit_cfg: { ...model.units.channel_unit_cfg, units: { mine: unit } } };
    expect(check({ algorithm: { mutator_cfg: { ...template, parse_cfg: { type: 'Config' } } } })).toEqual([]);
  });

  test('thousands of unknown names are refused at once', () => {
    const names = Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`conv_${i}_(0, 6)_6`.repeat(5), 0.5]));
    const start = performance.now();
    expect(check(ratios(names))).toHaveLength(20);
    expect(performance.now() - start).toBeLessThan(5000);
  });

  test('misspelt names are looked for among thousands of long ones in no time, and only the first few of them', () => {
    const block = '/stage/block'.repeat(18);
    const units = Object.fromEntries(
      Array.from({ length: 5000 }, (_, i) => [
        `x${block}conv_${i}_(0, 6)_6`,
        { choice: 1, num_channels: 6, is_mutable: true },
      ]),
    );
    const wide = { ...model, units: { ...model.units, channel_unit_cfg: { ...model.units.channel_unit_cfg, units } } };
    const asked = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`y${block}cnov_${i}_(0, 6)_6`, 0.5]));
    const config = resolveConfig(ratios(asked), { hasDataset: false });
    const start = performance.now();
    const faults = checkConfigAgainstModel(config, wide);
    expect(performance.now() - start).toBeLessThan(5000);
    expect(faults).toHaveLength(20);
    expect(faults.filter((f) => f.message.includes('did you mean'))).toHaveLength(3);
  });

  test('unknown outputs and unknown units count together', () => {
    const outputs = Array.from({ length: 1000 }, (_, i) => `nothing ${i}`);
    const start = performance.now();
    const faults = check({ ...ratios({ 'conv_1_(0, 8)_8': 0.5 }), outputs });
    expect(faults).toHaveLength(20);
    expect(performance.now() - start).toBeLessThan(5000);
  });
});

describe('data', () => {
  const only = { outputs: ['softmax'] };
  test.each<[string, Partial<DatasetInspection>, RegExp | undefined]>([
    ['28×28 feeds 28×28×1', {}, undefined],
    ['28×28×1', { input_shape: [28, 28, 1] }, undefined],
    ['32×32×3', { input_shape: [32, 32, 3] }, /^DATASET_SHAPE \/dataset: samples are \[32,32,3\], .*takes \[28,28,1\]/],
    ['12 classes for 10 outputs', { num_classes: 12 }, /^LABELS_INVALID \/dataset: labels are of 12 classes/],
    ['8 of 10 classes seen', { num_classes: 8 }, undefined],
    ['8 one-hot columns', { num_classes: 8, label_kind: 'one_hot' }, /^LABELS_INVALID/],
    ['images of any size', { kind: 'images', input_shape: null }, undefined],
  ])('%s', (_name, change, expected) => {
    const found = check(only, { ...dataset, ...change });
    if (expected) expect(found).toEqual([expect.stringMatching(expected)]);
    else expect(found).toEqual([]);
  });

  test.each<[readonly (number | null)[], boolean]>([
    [[28, 28], true],
    [[3, 28, 28], true],
    [[null, null, 3], true],
    [[3, null, null], true],
    [[null, null, null], true],
    [[784], false],
    [[4, 28, 28], false],
    [[3, 8, 28, 28], false],
  ])('images feed [%s]: %s', (shape, fits) => {
    const images = { ...dataset, kind: 'images' as const, input_shape: null };
    const config = resolveConfig(only, { hasDataset: true });
    const faults = checkConfigAgainstModel(config, channelsFirst(...shape), images).map(({ code }) => code);
    expect(faults).toEqual(fits ? [] : ['DATASET_SHAPE']);
  });

  test('no labels and no finetuning pass', () => {
    expect(check({ ...only, finetune: false }, { ...dataset, label_kind: 'none', num_classes: null })).toEqual([]);
  });
});

test('several outputs: labels by name, or one head that the config names; heads must be outputs', () => {
  const named = { ...dataset, label_kind: 'none' as const, num_classes: null, label_outputs: ['softmax'] };
  expect(check({ outputs: both }, named)).toEqual([]);
  expect(check({ outputs: both }, { ...named, label_outputs: ['sofmax'] })).toEqual([
    'LABELS_INVALID /dataset: there are labels y_sofmax, and the model has no such output; did you mean "softmax"?',
  ]);
  expect(check({ outputs: both, finetune: { heads: { softmax: {} } } }, dataset)).toEqual([]);
  expect(check({ outputs: ['softmax'], finetune: { heads: { sofmax: {} } } }, dataset)).toEqual([
    'OUTPUT_UNKNOWN /config/finetune/heads/sofmax: the model has no output "sofmax"; did you mean "softmax"?',
  ]);
});

test('without labels the original model can teach, and other losses have other labels', () => {
  const only = { outputs: ['softmax'] };
  const none = { ...dataset, label_kind: 'none' as const, num_classes: null };
  for (const finetune of [{}, { distillation: {} }]) expect(check({ ...only, finetune }, none)).toEqual([]);
  expect(check({ ...only, finetune: { distillation: false } }, none)).toEqual([
    expect.stringMatching(/^LABELS_INVALID \/dataset: without finetune\.distillation finetuning needs labels/),
  ]);
  expect(check({ ...only, finetune: { loss: 'mse' } }, { ...dataset, num_classes: 12 })).toEqual([]);
  expect(check(only, { ...dataset, label_kind: 'values', num_classes: null })).toEqual([]);
});

test('labels need one output', () => {
  expect(check({ outputs: both }, dataset)).toEqual([
    "NOT_TRAINABLE /config/outputs: labels need one output: name one of features, softmax, or name the labels' arrays y_OUTPUT; `finetune: false` prunes without training and scoring",
  ]);
});

test('where nothing is trained, labels that fit no classification are no fault; wrong ones still are', () => {
  const finetune = false;
  expect(check({ outputs: both, finetune }, dataset)).toEqual([]);
  const shaped = (shape: (number | null)[]) => ({ ...model, outputs: [{ name: 'y', shape, dtype: 'float32' }] });
  const codes = (shape: (number | null)[], config: object) =>
    checkConfigAgainstModel(resolveConfig(config, { hasDataset: true }), shaped(shape), dataset).map((f) => f.code);
  for (const shape of [[null, 1], [null, 28, 28, 10], [null]]) {
    expect(codes(shape, { finetune })).toEqual([]);
    expect(codes(shape, {})).toEqual(shape.length > 2 ? ['NOT_TRAINABLE'] : []);
  }
  expect(codes([null, 4], { finetune })).toEqual(['LABELS_INVALID']);
});

test('one number of channels for all units is held against the narrowest', () => {
  const all = (choice: number, more = {}) =>
    check({ ...ratios(choice as unknown as object, { choice_mode: 'number' }), ...more });
  expect(all(6)).toEqual([]);
  expect(all(7)).toEqual([
    'CHOICE_INVALID /config/algorithm/target_pruning_ratio: for unit "conv_1_(0, 6)_6" it must be at most 6, the channels of the unit, found 7',
  ]);
  expect(all(7, { ignore: ['conv_1'] })).toEqual([]);
  expect(all(7, { outputs: ['softmax'] })).toEqual([]);
});

test('without a validation part something has to be held out', () => {
  const config = { outputs: ['softmax'], finetune: { validation_split: 0 } };
  expect(check(config, dataset)).toEqual([
    expect.stringMatching(/^CONFIG_INVALID \/config\/finetune\/validation_split/),
  ]);
  expect(check(config, { ...dataset, samples: { train: 80, validation: 20 } })).toEqual([]);
});

test('a model that has nothing to prune with all outputs kept is refused with the names of its outputs', () => {
  const frozen = Object.fromEntries(
    Object.entries(model.units.channel_unit_cfg.units).map(([n, u]) => [n, { ...u, is_mutable: false }]),
  );
  const units = { ...model.units, channel_unit_cfg: { ...model.units.channel_unit_cfg, units: frozen } };
  const faults = (config: unknown) =>
    checkConfigAgainstModel(resolveConfig(config, { hasDataset: false }), { ...model, units });
  expect(faults({})).toMatchObject([
    { code: 'NOTHING_TO_PRUNE', pointer: '/config/outputs', message: expect.stringContaining('features, softmax') },
  ]);
  expect(faults({ outputs: ['softmax'] })).toEqual([]);
});

test('a distance is told up to the limit, and is that of Levenshtein', () => {
  const full = (a: string, b: string): number =>
    a === '' || b === ''
      ? a.length + b.length
      : Math.min(
          full(a.slice(1), b) + 1,
          full(a, b.slice(1)) + 1,
          full(a.slice(1), b.slice(1)) + Number(a[0] !== b[0]),
        );
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 6 });
  fc.assert(
    fc.property(word, word, fc.nat(6), (a, b, limit) => {
      const distance = full(a, b);
      expect(editDistanceWithin(a, b, limit)).toBe(distance <= limit ? distance : undefined);
    }),
  );
});

test('near misses come nearest first and stop at half of the length', () => {
  expect(nearMisses('conv2', ['conv1', 'conv2d', 'dense', 'Conv2'])).toEqual(['Conv2', 'conv1', 'conv2d']);
  expect(nearMisses('x', ['something'])).toEqual([]);
});

describe('images for a model that has channels first', () => {
  test.each<[number[], ModelInspection]>([
    [[32, 24, 3], channelsFirst(3, 32, 24)],
    [[3, 32, 24], channelsFirst(3, 32, 24)],
    [[32, 24, 3], channelsFirst(3, null, null)],
    [[28, 28], channelsFirst(1, 28, 28)],
    [[28, 28, 1], channelsFirst(1, 28, 28)],
  ])('%j', (input_shape, first) => {
    const config = resolveConfig({ outputs: ['softmax'] }, { hasDataset: true });
    expect(checkConfigAgainstModel(config, first, { ...dataset, input_shape })).toEqual([]);
  });

  test('other extents are refused', () => {
    const config = resolveConfig({ outputs: ['softmax'] }, { hasDataset: true });
    for (const input_shape of [
      [24, 32, 3],
      [32, 24],
      [32, 24, 4],
    ]) {
      const faults = checkConfigAgainstModel(config, channelsFirst(3, 32, 24), { ...dataset, input_shape });
      expect(faults.map((f) => f.code)).toEqual(['DATASET_SHAPE']);
    }
  });
});
