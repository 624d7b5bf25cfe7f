import fc from 'fast-check';
import { Value } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import { schemaErrors } from '../../src/checks/index.js';
import { EspalierError } from '../../src/errors.js';
import { BUILT_IN_PARTS, type PartRows, PruneConfigInput, resolveConfig } from '../../src/prune-config/index.js';

/** `pointer: message` of every fault; empty when the config is valid. */
function faults(config: unknown, hasDataset = true): string[] {
  try {
    resolveConfig(config, { hasDataset });
    return [];
  } catch (error) {
    if (!(error instanceof EspalierError)) throw error;
    expect(error.code).toBe('CONFIG_INVALID');
    return error.errors.map((e) => `${e.pointer}: ${e.message}`);
  }
}

const unitCfg = (channel_unit_cfg: object) => ({ algorithm: { mutator_cfg: { channel_unit_cfg } } });
const U = '/algorithm/mutator_cfg/channel_unit_cfg';

describe('defaults', () => {
  test('no config: channels by samples, half of the MACs, one prune step, no finetuning', () => {
    expect(resolveConfig(undefined, { hasDataset: false })).toEqual({
      algorithm: {
        type: 'IteAlgorithm',
        mutator_cfg: {
          type: 'ChannelMutator',
          channel_unit_cfg: {
            type: 'CriterionChannelUnit',
            criterion: 'auto',
            default_args: { choice_mode: 'ratio', divisor: 1, min_value: 1, min_ratio: 0.9 },
            units: {},
          },
          parse_cfg: { type: 'ChannelAnalyzer' },
        },
        step_freq: 1,
        prune_times: 1,
        linear_schedule: true,
      },
      target: { macs: 0.5 },
      ignore: [],
      recovery: { method: 'auto', samples: 1000, add_biases: true },
      scaling: 'auto',
      controls: [],
      counting: 'macs',
      dry_run: false,
      seed: 0,
    });
  });

  test('with a data set: finetuning, as long as the data settle, after one prune step', () => {
    const config = resolveConfig({}, { hasDataset: true });
    expect(config.algorithm.prune_times).toBe(1);
    expect(config.finetune).toEqual({
      batch_size: 32,
      schedule: { type: 'cosine', warmup_epochs: 0 },
      loss: 'auto',
      label_smoothing: 0,
      huber_delta: 1,
      heads: {},
      validation_split: 0.1,
      shuffle: true,
    });
    expect(config.scaling).toBe('auto');
  });

  test.each([
    ['none', {}, 0.01, 0, 3],
    ['statistics', {}, 0.01, 0, 1],
    ['least_squares', {}, undefined, undefined, 1],
    ['auto', {}, undefined, undefined, 1],
    ['auto', { momentum: 0.8 }, 0.003, 0.0005, 1],
    ['auto', { type: 'sgd', learning_rate: 0.1, weight_decay: 0 }, 0.1, 0, 1],
    ['auto', { type: 'adamw' }, 0.001, 0.01, 1],
  ])(
    'recovery "%s" with %j: learning rate %s, weight decay %s, %d prune steps',
    (method, optimizer, rate, decay, steps) => {
      const config = { recovery: { method }, finetune: { optimizer } };
      const { algorithm, finetune } = resolveConfig(config, { hasDataset: true });
      if (!finetune) throw new Error('nothing is trained');
      const { learning_rate, weight_decay } = finetune.optimizer ?? {};
      expect([learning_rate, weight_decay]).toEqual([rate, decay]);
      expect(algorithm.prune_times).toBe(steps);
    },
  );

  test('epochs that are named bound the prune steps, whatever the budget', () => {
    const config = { finetune: { epochs: 2, budget: 1e15 }, algorithm: { prune_times: 3 } };
    expect(faults(config)).toEqual([expect.stringMatching(/^\/algorithm\/prune_times: 3 prune steps/)]);
    const { epochs: _, ...open } = config.finetune;
    expect(faults({ ...config, finetune: open })).toEqual([]);
  });

  test('with one epoch steps are iterations apart, and only the data tell how many fit', () => {
    const config = { finetune: { epochs: 1 }, algorithm: { step_freq: 2, prune_times: 3 } };
    expect(faults(config)).toEqual([]);
  });

  test('parts of finetuning that are asked for come with defaults', () => {
    const config = {
      distillation: {},
      augmentation: {},
      early_stopping: {},
      heads: { boxes: {} },
      optimizer: { type: 'adamw' },
    };
    expect(resolveConfig({ finetune: config }, { hasDataset: true }).finetune).toMatchObject({
      distillation: { weight: 0.5, temperature: 4 },
      augmentation: { horizontal_flip: false, vertical_flip: false, crop_padding: 0, mixup: 0 },
      early_stopping: { patience: 3 },
      heads: { boxes: { weight: 1 } },
      optimizer: { type: 'adamw', learning_rate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weight_decay: 0.01 },
    });
    const rmsprop = resolveConfig({ finetune: { optimizer: { type: 'rmsprop' } } }, { hasDataset: true }).finetune;
    expect(rmsprop).toMatchObject({ optimizer: { rho: 0.9, momentum: 0, epsilon: 1e-7, weight_decay: 0 } });
  });

  test('units of a slimmable network are chosen by numbers', () => {
    const channel_unit_cfg = { type: 'SlimmableChannelUnit' };
    const { algorithm } = resolveConfig({ algorithm: { mutator_cfg: { channel_unit_cfg } } }, { hasDataset: false });
    expect(algorithm.mutator_cfg.channel_unit_cfg.default_args.choice_mode).toBe('number');
  });

  test.each([
    [{ finetune: { epochs: 1 } }, 1],
    [{ finetune: { epochs: 2 } }, 2],
    [{ finetune: { epochs: 6 }, algorithm: { step_freq: 4 } }, 2],
    [{ finetune: { epochs: 8 }, algorithm: { step_freq: 4 } }, 2],
    [{ finetune: { epochs: 9 }, algorithm: { step_freq: 4 } }, 3],
    [{ finetune: false as const }, 1],
  ])('prune steps that fit the epochs: %j gives %i', (config, times) => {
    expect(resolveConfig(config, { hasDataset: true }).algorithm.prune_times).toBe(times);
  });

  test('the example of the wire contract is valid', () => {
    const contract = {
      algorithm: {
        type: 'IteAlgorithm',
        mutator_cfg: {
          type: 'ChannelMutator',
          channel_unit_cfg: {
            type: 'L1ChannelUnit',
            default_args: { choice_mode: 'ratio', divisor: 1, min_value: 1, min_ratio: 0.9 },
            units: { 'conv2d_1_(0, 32)_32': { init_args: { divisor: 8 } } },
          },
          parse_cfg: { type: 'ChannelAnalyzer' },
        },
        step_freq: 1,
        prune_times: 3,
        linear_schedule: true,
      },
      target: { macs: 0.5 },
      outputs: ['softmax'],
      ignore: ['head/*'],
      finetune: {
        epochs: 6,
        batch_size: 32,
        optimizer: { type: 'sgd', learning_rate: 0.01, momentum: 0.9 },
        loss: 'auto',
        validation_split: 0.1,
        distillation: { weight: 0.5, temperature: 2 },
      },
      counting: 'macs',
      dry_run: false,
      seed: 0,
    };
    expect(faults(contract)).toEqual([]);
  });
});

/** Hashes of configs, in reports and of checkpoints, are those of their text. */
test('the order of the fields does not go by that of what was sent', () => {
  const units = { b: { num_channels: 8, choice: 0.5 }, a: { choice: 1 } };
  const channel_unit_cfg = { units, default_args: { cap: 1, floor: 0.2, candidate_choices: [0.5, 1], divisor: 2 } };
  const input = {
    scaling: { std: [1], mean: [0] },
    outputs: ['y'],
    finetune: { schedule: { step_size: 2, type: 'step' }, optimizer: { type: 'rmsprop' }, epochs: 3 },
    algorithm: { mutator_cfg: { channel_unit_cfg } },
  };
  expect(JSON.stringify(resolveConfig(input, { hasDataset: true }))).toBe(
    '{"algorithm":{"type":"IteAlgorithm","mutator_cfg":{"type":"ChannelMutator","channel_unit_cfg":{"type":"CriterionChannelUnit","criterion":"auto",' +
      '"default_args":{"choice_mode":"ratio","divisor":2,"min_value":1,"min_ratio":0.9,"candidate_choices":[0.5,1],"floor":0.2,"cap":1},' +
      '"units":{"b":{"num_channels":8,"choice":0.5},"a":{"choice":1}}},"parse_cfg":{"type":"ChannelAnalyzer"}},' +
      '"step_freq":1,"prune_times":3,"linear_schedule":true,"target_pruning_ratio":{"b":0.5}},' +
      '"outputs":["y"],"ignore":[],"finetune":{"epochs":3,"batch_size":32,' +
      '"optimizer":{"type":"rmsprop","learning_rate":0.001,"rho":0.9,"momentum":0,"epsilon":1e-7,"weight_decay":0},' +
      '"schedule":{"type":"step","step_size":2,"gamma":0.1,"warmup_epochs":0},' +
      '"loss":"auto","label_smoothing":0,"huber_delta":1,"heads":{},"validation_split":0.1,"shuffle":true},"recovery":{"method":"auto","samples":1000,"add_biases":true},' +
      '"scaling":{"std":[1],"mean":[0]},"controls":[],"counting":"macs","dry_run":false,"seed":0}',
  );
  expect(Object.keys(resolveConfig({}, { hasDataset: true }))).toEqual([
    'algorithm',
    'target',
    'ignore',
    'finetune',
    'recovery',
    'scaling',
    'controls',
    'counting',
    'dry_run',
    'seed',
  ]);
});

describe('defaults of the schema', () => {
  /** Every schema in a schema, with where it is. */
  function* schemasOf(schema: unknown, at = ''): Generator<[string, Record<string, unknown>]> {
    if (typeof schema !== 'object' || schema === null) return;
    if (!Array.isArray(schema)) yield [at, schema as Record<string, unknown>];
    for (const [key, child] of Object.entries(schema))
      if (!/^(x-)?default$/.test(key)) yield* schemasOf(child, `${at}/${key}`);
  }
  const all = [...schemasOf(PruneConfigInput)];
  const withDefault = all.filter(([, schema]) => 'default' in schema);
  const dependent = all.filter(([, schema]) => 'x-default' in schema);

  test('each is valid', () => {
    expect(withDefault.length).toBeGreaterThan(30);
    expect(dependent.length).toBeGreaterThan(10);
    for (const [at, schema] of [...withDefault, ...dependent]) {
      expect([at, schemaErrors(schema, schema.default ?? schema['x-default'])]).toEqual([at, []]);
    }
  });

  const plugin = { name: 'P', aliases: [], create: () => Object.create(null) };
  const installed: PartRows = {
    ...BUILT_IN_PARTS,
    algorithms: [...BUILT_IN_PARTS.algorithms, { ...plugin, parameters: { rounds: { type: 'integer', default: 3 } } }],
    unitTypes: [...BUILT_IN_PARTS.unitTypes, { ...plugin, defaultArgs: { divisor: 8, floor: 0.3 } }],
  };
  const unit = { num_channels: 8, channels: { output_related: [{ name: 'c' }], input_related: [{ name: 'd' }] } };
  const configs: object[] = [
    {},
    { finetune: false },
    { target: { parameters: 0.3 } },
    ...[0.5, { a: 0.5 }].map((target_pruning_ratio) => ({ algorithm: { target_pruning_ratio } })),
    { algorithm: { type: 'P' } },
    { algorithm: { step_freq: 2, prune_times: 1 } },
    ...BUILT_IN_PARTS.mutators.map(({ name }) => ({ algorithm: { mutator_cfg: { type: name } } })),
    ...installed.unitTypes.map(({ name }) => unitCfg({ type: name })),
    unitCfg({ default_args: { cap: 0.05 } }),
    unitCfg({ default_args: { choice_mode: 'number', divisor: 4 }, units: { a: { init_args: { min_value: 2 } } } }),
    unitCfg({ units: { a: { choice: 0.5, num_channels: 8, init_args: {} } } }),
    { algorithm: { mutator_cfg: { parse_cfg: { type: 'Config' }, channel_unit_cfg: { units: { a: unit } } } } },
  ];
  const trainings: object[] = [
    {},
    ...['sgd', 'adam', 'adamw', 'rmsprop'].map((type) => ({ optimizer: { type } })),
    ...['constant', 'cosine'].map((type) => ({ schedule: { type } })),
    { schedule: { type: 'step', step_size: 2 } },
    { distillation: {}, augmentation: {}, early_stopping: {}, heads: { a: {} }, loss: 'huber' },
  ];
  test.each([
    ...configs.map((config): [object, boolean] => [config, false]),
    ...configs.map((config): [object, boolean] => [config, true]),
    ...['none', { mean: [1], std: [2] }].map((scaling): [object, boolean] => [{ scaling }, true]),
    ...trainings.map((finetune): [object, boolean] => [{ finetune }, true]),
  ])('a client that fills in those that are published changes nothing: %j, data set: %j', (config, hasDataset) => {
    const filled = Value.Default(PruneConfigInput, structuredClone(config));
    expect(filled).not.toEqual(config);
    expect(resolveConfig(filled, { hasDataset, installed })).toEqual(resolveConfig(config, { hasDataset, installed }));
  });

  test('no text repeats one', () => {
    const twice = withDefault.filter(([, { description }]) => /\bdefault\b/i.test(String(description)));
    expect(twice.map(([at]) => at)).toEqual([]);
  });
});

describe('an algorithm with parameters of its own', () => {
  const parameters = {
    prune_after: { type: 'number', minimum: 0, exclusiveMaximum: 1, default: 0.5 },
    rounds: { type: 'object', properties: { most: { type: 'integer', default: 3 } }, additionalProperties: false },
    note: { type: 'string' },
  };
  const rounds = {
    pause: { type: 'integer', minimum: 1, default: 3 },
    rounds: { type: 'integer', minimum: 1, 'x-prune-steps': { every: 'pause', default: 4 } },
  };
  const rows: PartRows = {
    ...BUILT_IN_PARTS,
    algorithms: [
      ...BUILT_IN_PARTS.algorithms,
      { name: 'Once', aliases: ['OneTime'], parameters },
      { name: 'Plain' },
      { name: 'Rounds', parameters: rounds },
    ],
  };
  /** As they come from another process. */
  const installed: PartRows = JSON.parse(JSON.stringify(rows));
  const resolved = (algorithm: object, more: object = {}) =>
    resolveConfig({ algorithm, ...more }, { hasDataset: true, installed }).algorithm;
  const faultsOf = (algorithm: object, more: object = {}) => {
    try {
      resolved(algorithm, more);
      return [];
    } catch (error) {
      return (error as EspalierError).errors.map((e) => `${e.pointer}: ${e.message}`);
    }
  };

  test('has them filled in and checked, and none of another algorithm', () => {
    const { mutator_cfg: _, ...own } = resolved({ type: 'Once', rounds: {} });
    expect(own).toEqual({ type: 'Once', prune_after: 0.5, rounds: { most: 3 } });
    expect(resolved({ type: 'OneTime', prune_after: 0, note: 'x' })).toMatchObject({
      type: 'Once',
      prune_after: 0,
      note: 'x',
    });
    expect(faultsOf({ type: 'Once', prune_after: 1 })).toEqual(['/algorithm/prune_after: must be < 1, found 1']);
    expect(faultsOf({ type: 'Once', rounds: { least: 1 } })).toEqual(['/algorithm/rounds/least: unknown field']);
    expect(faultsOf({ type: 'Once', prune_aftr: 0.1 })).toEqual([
      '/algorithm/prune_aftr: unknown field; did you mean "prune_after"?',
    ]);
    expect(faultsOf({ type: 'OneTime', step_freq: 2 })).toEqual(['/algorithm/step_freq: unknown field']);
    expect(faultsOf({ prune_after: 0.5 })).toEqual([
      '/algorithm/prune_after: unknown field; did you mean "prune_times"?',
    ]);
  });

  test('resolved, it resolves to itself', () => {
    const once = resolveConfig({ algorithm: { type: 'Once' } }, { hasDataset: true, installed });
    expect(resolveConfig(once, { hasDataset: true, installed })).toEqual(once);
  });

  test.each([
    [12, {}, 4],
    [7, {}, 3],
    [7, { pause: 6 }, 2],
    [1, {}, 1],
    [7, { rounds: 2 }, 2],
  ])('what counts its prune steps is fitted to %i epochs, whatever its name: %j gives %i', (epochs, given, fit) => {
    const config = { algorithm: { type: 'Rounds', ...given }, finetune: { epochs } };
    expect(resolveConfig(config, { hasDataset: true, installed }).algorithm).toMatchObject({ rounds: fit });
  });

  test('prune steps that do not fit are told at the parameter that counts them', () => {
    expect(faultsOf({ type: 'Rounds', pause: 5, rounds: 3 }, { finetune: { epochs: 6 } })).toEqual([
      '/algorithm/rounds: 3 prune steps of 5 epochs need more than 10 epochs, found 6; at most 2 fit',
    ]);
  });

  test('one without has those of IteAlgorithm', () => {
    expect(resolved({ type: 'Plain' })).toMatchObject({ step_freq: 1, prune_times: 1, linear_schedule: true });
  });
});

describe('aliases', () => {
  test.each<[unknown, unknown]>([
    [{ algorithm: { type: 'ItePruneAlgorithm' } }, {}],
    [{ algorithm: { type: 'PruneAlgoritm' } }, {}],
    [{ algorithm: { step_epoch: 2 } }, { algorithm: { step_freq: 2 } }],
    [{ target: { flops: 0.3 } }, { target: { macs: 0.3 } }],
    [{ target: { flops: { at_most: 1e6 } } }, { target: { macs: { at_most: 1e6 } } }],
    ...['ChanelMutator', 'BaseChannelMutator', 'ChannelUnitMutator'].map((type): [unknown, unknown] => [
      { algorithm: { mutator_cfg: { type } } },
      {},
    ]),
    [
      { algorithm: { mutator_cfg: { channl_unit_cfg: { type: 'SequentialMutableChannelUnit' } } } },
      { algorithm: { mutator_cfg: { channel_unit_cfg: { type: 'SequentialChannelUnit' } } } },
    ],
    [
      { algorithm: { mutator_cfg: { channel_unit_cfg: { type: 'L1MutableChannelUnit' } } } },
      { algorithm: { mutator_cfg: { channel_unit_cfg: { type: 'L1ChannelUnit' } } } },
    ],
  ])('%j means %j', (alias, plain) => {
    expect(resolveConfig(alias, { hasDataset: true })).toEqual(resolveConfig(plain, { hasDataset: true }));
  });

  test('a fault under an alias is named as it was sent', () => {
    expect(faults({ target: { flops: 2 } })[0]).toMatch(/^\/target\/flops: /);
    expect(faults({ algorithm: { step_epoch: 0 } })[0]).toMatch(/^\/algorithm\/step_epoch: /);
  });

  test('both names at once are a fault', () => {
    expect(faults({ target: { flops: 0.5, macs: 0.5 } })).toEqual([
      '/target/flops: is another name of "macs", which is given too',
    ]);
  });
});

describe('faults, each named by pointer', () => {
  test.each<[string, unknown, string | RegExp]>([
    ['not an object', [], /^: must be object, found \[\]/],
    ['an unknown field', { targets: {} }, '/targets: unknown field; did you mean "target"?'],
    [
      'an unknown field far down',
      unitCfg({ units: { 'a/b': { init_args: { divisr: 8 } } } }),
      `${U}/units/a~1b/init_args/divisr: unknown field; did you mean "divisor"?`,
    ],
    [
      'an unknown field in a union',
      { finetune: { epoch: 3 } },
      '/finetune/epoch: unknown field; did you mean "epochs"?',
    ],
    ['an unknown field of a bound', { target: { macs: { at_least: 3 } } }, /^\/target\/macs\/at_most: is needed/],
    ['a share of 0', { target: { macs: 0 } }, /^\/target\/macs: A share in \(0, 1\].* Found 0\./],
    ['a share above 1', { target: { parameters: 1.5 } }, /^\/target\/parameters: A share.* Found 1.5\./],
    ['a bound of 0', { target: { size: { at_most: 0 } } }, /^\/target\/size\/at_most: must be > 0/],
    ['a text for a bound', { target: { macs: 'half' } }, /^\/target\/macs: A share.* Found "half"\./],
    ['two targets', { target: { macs: 0.5, parameters: 0.5 } }, '/target: must have one field, found macs, parameters'],
    ['an empty target', { target: {} }, '/target: must have one field, found none'],
    [
      'target and ratio',
      { target: { macs: 0.5 }, algorithm: { target_pruning_ratio: 0.5 } },
      /^\/target: excludes \/algorithm\/target_pruning_ratio/,
    ],
    ['peak memory', { target: { peak_memory: { at_most: 1e6 } } }, '/target/peak_memory: is not supported yet'],
    ['accuracy drop', { target: { max_accuracy_drop: 0.01 } }, '/target/max_accuracy_drop: is not supported yet'],
    ['another algorithm', { algorithm: { type: 'DMCP' } }, /^\/algorithm\/type: must be "IteAlgorithm", found "DMCP"/],
    ['another unit', unitCfg({ type: 'L1ChanelUnit' }), /type: must be one of .*; did you mean "L1ChannelUnit"/],
    [
      'a ratio of 8',
      { algorithm: { target_pruning_ratio: { a: 8 } } },
      '/algorithm/target_pruning_ratio/a: must be a share in (0, 1], since choice_mode is "ratio", found 8',
    ],
    ['a ratio of 0', { algorithm: { target_pruning_ratio: 0 } }, /^\/algorithm\/target_pruning_ratio: .*Found 0/],
    ['no ratios', { algorithm: { target_pruning_ratio: {} } }, '/algorithm/target_pruning_ratio: names no unit'],
    [
      'a fraction of a channel',
      {
        algorithm: {
          target_pruning_ratio: 0.5,
          mutator_cfg: { channel_unit_cfg: { default_args: { choice_mode: 'number' } } },
        },
      },
      /^\/algorithm\/target_pruning_ratio: must be a whole number/,
    ],
    [
      'a bucket outside',
      {
        algorithm: {
          target_pruning_ratio: 0.5,
          mutator_cfg: {
            channel_unit_cfg: { default_args: { choice_mode: 'bucket', candidate_choices: [0.25, 0.75] } },
          },
        },
      },
      /must be one of candidate_choices \[0.25, 0.75\], since choice_mode is "bucket", found 0.5$/,
    ],
    [
      'bucket without candidates',
      unitCfg({ default_args: { choice_mode: 'bucket' } }),
      `${U}/default_args/candidate_choices: is needed, since choice_mode is "bucket"`,
    ],
    [
      'more channels than the unit has',
      unitCfg({ units: { a: { num_channels: 8, choice: 9, init_args: { choice_mode: 'number' } } } }),
      `${U}/units/a/choice: must be at most 8, the channels of the unit, found 9`,
    ],
    [
      'units by Config without channels',
      {
        algorithm: {
          mutator_cfg: { parse_cfg: { type: 'Config' }, channel_unit_cfg: { units: { a: { num_channels: 8 } } } },
        },
      },
      `${U}/units/a/channels: is needed, since parse_cfg.type is "Config"`,
    ],
    [
      'a span that ends before it starts',
      {
        algorithm: {
          mutator_cfg: {
            parse_cfg: { type: 'Config' },
            channel_unit_cfg: {
              units: {
                a: {
                  num_channels: 8,
                  channels: { output_related: [{ name: 'c', start: 4, end: 3 }], input_related: [] },
                },
              },
            },
          },
        },
      },
      `${U}/units/a/channels/output_related/0: ends at 3, before it starts`,
    ],
    [
      'units by Config without units',
      { algorithm: { mutator_cfg: { parse_cfg: { type: 'Config' } } } },
      /units: needs at least one unit/,
    ],
    [
      'prune steps after the last epoch',
      { finetune: { epochs: 4 }, algorithm: { step_freq: 2, prune_times: 3 } },
      /^\/algorithm\/prune_times: 3 prune steps of 2 epochs need more than 4 epochs, found 4; at most 2 fit/,
    ],
    [
      'prune steps without epochs',
      { finetune: false, algorithm: { prune_times: 2 } },
      /^\/algorithm\/prune_times: must be 1 without finetuning/,
    ],
    ['finetune: true', { finetune: true }, /^\/finetune: .*Found true/],
    ['no epochs', { finetune: { epochs: 0 } }, /^\/finetune\/epochs: must be >= 1, found 0/],
    ['half an epoch', { finetune: { epochs: 1.5 } }, /^\/finetune\/epochs: must be integer/],
    [
      'adam with momentum',
      { finetune: { optimizer: { type: 'adam', momentum: 0.9 } } },
      '/finetune/optimizer/momentum: "adam" has none',
    ],
    [
      'rmsprop with beta1',
      { finetune: { optimizer: { type: 'rmsprop', beta1: 0.9 } } },
      '/finetune/optimizer/beta1: "rmsprop" has none',
    ],
    [
      'adamw with rho',
      { finetune: { optimizer: { type: 'adamw', rho: 0.9 } } },
      '/finetune/optimizer/rho: "adamw" has none',
    ],
    [
      'an optimizer of another name',
      { finetune: { optimizer: { type: 'adamv' } } },
      /^\/finetune\/optimizer\/type: .*adamw/,
    ],
    ['a loss of another name', { finetune: { loss: 'mean' } }, /^\/finetune\/loss: .*huber/],
    ['a loss of a head', { finetune: { heads: { 'a/b': { loss: 'mean' } } } }, /^\/finetune\/heads\/a~1b\/loss: /],
    [
      'a field near a name',
      { finetune: { augmentation: { mixupp: 1 } } },
      '/finetune/augmentation/mixupp: unknown field; did you mean "mixup"?',
    ],
    [
      'all warmup',
      { finetune: { epochs: 2, schedule: { warmup_epochs: 2 } } },
      /^\/finetune\/schedule\/warmup_epochs: must be below the 2 epochs/,
    ],
    [
      'huber_delta without huber',
      { finetune: { loss: 'mse', huber_delta: 2 } },
      '/finetune/huber_delta: is of the loss "huber", which nothing here learns by',
    ],
    ['no weight of distillation', { finetune: { distillation: { weight: 0 } } }, /^\/finetune\/distillation\/weight: /],
    ['no patience', { finetune: { early_stopping: { patience: 0 } } }, /^\/finetune\/early_stopping\/patience: /],
    ['sgd with beta1', { finetune: { optimizer: { beta1: 0.9 } } }, '/finetune/optimizer/beta1: "sgd" has none'],
    [
      'step without step_size',
      { finetune: { schedule: { type: 'step' } } },
      /^\/finetune\/schedule\/step_size: is needed/,
    ],
    [
      'mean and std of different lengths',
      { scaling: { mean: [1, 2], std: [1] } },
      '/scaling: mean has 2 values and std 1',
    ],
    ['an unknown scaling', { scaling: '1/256' }, /^\/scaling: .*Found "1\/256"/],
    ['outputs: none', { outputs: [] }, /^\/outputs: /],
    ['a negative seed', { seed: -1 }, /^\/seed: must be >= 0/],
  ])('%s', (_name, config, expected) => {
    const found = faults(config);
    if (typeof expected === 'string') expect(found).toContain(expected);
    else expect(found.filter((f) => expected.test(f))).toHaveLength(1);
  });

  test('what is wrong with the arguments of all units is told once, with those of a unit where it has them', () => {
    const units = { a: { init_args: { divisor: 8 } }, b: { init_args: { min_value: 2 } } };
    const needed = 'candidate_choices: is needed, since choice_mode is "bucket"';
    const bucket = { choice_mode: 'bucket' };
    expect(faults(unitCfg({ default_args: bucket, units }))).toEqual([`${U}/default_args/${needed}`]);
    expect(faults(unitCfg({ units: { ...units, c: { init_args: bucket } } }))).toEqual([
      `${U}/units/c/init_args/${needed}`,
    ]);
    const bounds = { floor: 0.5, cap: 0.3 };
    expect(faults(unitCfg({ default_args: bounds, units }))).toEqual([
      `${U}/default_args/floor: 0.5 is above cap, 0.3`,
    ]);
    expect(
      faults(unitCfg({ default_args: { cap: 0.3 }, units: { ...units, c: { init_args: { floor: 0.5 } } } })),
    ).toEqual([`${U}/units/c/init_args/floor: 0.5 is above cap, 0.3`]);
  });

  test('finetune without a data set', () => {
    expect(faults({ finetune: { epochs: 3 } }, false)).toEqual(['/finetune: needs a data set']);
    expect(faults({ finetune: false }, false)).toEqual([]);
  });

  test('long lists are refused in no time, whatever is in them', () => {
    const names = Array.from({ length: 60_000 }, (_, i) => `n${i % 30_000}`);
    const record = Object.fromEntries(Array.from({ length: 40_000 }, (_, i) => [`u${i}`, 0.3]));
    const candidate_choices = Array.from({ length: 1024 }, (_, i) => i + 1);
    const bucket = { channel_unit_cfg: { default_args: { choice_mode: 'bucket', candidate_choices } } };
    const few = Object.fromEntries(Object.entries(record).slice(0, 10_000));
    const start = performance.now();
    expect(faults({ outputs: names })[0]).toMatch(/^\/outputs: .*1000/);
    expect(faults({ ignore: names })[0]).toMatch(/^\/ignore: .*1000/);
    expect(faults({ algorithm: { target_pruning_ratio: record } })[0]).toMatch(/^\/algorithm\/target_pruning_ratio: /);
    expect(faults({ algorithm: { mutator_cfg: { channel_unit_cfg: { units: record } } } }).length).toBeLessThan(101);
    expect(faults({ algorithm: { target_pruning_ratio: few, mutator_cfg: bucket } })).toHaveLength(100);
    // Generous: the machine may be busy.
    expect(performance.now() - start).toBeLessThan(10_000);
    expect(faults({ outputs: ['a', 'b', 'a'] })).toEqual(['/outputs/2: "a" is there twice']);
  });

  test('every fault is listed, not only the first', () => {
    const many = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`x${i}`, 1]));
    expect(faults({ ...many, seed: -1, target: { macs: 2 } })).toHaveLength(32);
  });

  test('names of Object.prototype are no fields', () => {
    expect(faults(JSON.parse('{"__proto__": 1, "constructor": 2}')).length).toBeGreaterThan(0);
    expect(faults({ algorithm: { type: 'toString' } })).toHaveLength(1);
  });
});

test.each([
  ['OneShotChannelMutator', 'OneShotChannelUnit', 'ratio'],
  ['SlimmableChannelMutator', 'SlimmableChannelUnit', 'number'],
  ['ChannelMutator', 'CriterionChannelUnit', 'ratio'],
])('a %s has units of type %s', (type, unit, choice_mode) => {
  const { mutator_cfg } = resolveConfig({ algorithm: { mutator_cfg: { type } } }, { hasDataset: false }).algorithm;
  expect(mutator_cfg.channel_unit_cfg).toMatchObject({ type: unit, default_args: { choice_mode } });
});

describe('choices in units', () => {
  const units = (a: number, b: number) =>
    unitCfg({ units: { a: { choice: a, num_channels: 8, is_mutable: true }, b: { choice: b, num_channels: 4 } } });

  test('lowered, they are the target; units that keep everything stay as they are', () => {
    const config = resolveConfig(units(0.5, 1), { hasDataset: false });
    expect(config.algorithm.target_pruning_ratio).toEqual({ a: 0.5 });
    expect(config.target).toBeUndefined();
  });

  test('one channel is no whole unit where choices are numbers', () => {
    const unit = (choice: number) => ({ choice, num_channels: 8, is_mutable: true });
    const numbers = unitCfg({ default_args: { choice_mode: 'number' }, units: { a: unit(1), b: unit(8) } });
    expect(resolveConfig(numbers, { hasDataset: false }).algorithm.target_pruning_ratio).toEqual({ a: 1 });
  });

  test('the full width of a template is no choice among candidates, and allowed beside them', () => {
    const bucket = (candidate_choices: number[], choice: number, is_mutable = true) =>
      resolveConfig(
        unitCfg({
          default_args: { choice_mode: 'bucket', candidate_choices },
          units: { a: { choice, num_channels: 8, is_mutable } },
        }),
        { hasDataset: false },
      ).algorithm.target_pruning_ratio;
    expect(bucket([0.25, 0.5], 1)).toBeUndefined();
    expect(bucket([2, 4], 8)).toBeUndefined();
    expect(bucket([2, 4], 8, false)).toBeUndefined();
    expect(bucket([2, 4], 2)).toEqual({ a: 2 });
  });

  test('a layer may have more channels than its unit, which it repeats', () => {
    const channels = { output_related: [{ name: 'c', start: 0, end: 8 }], input_related: [{ name: 'd', end: 200 }] };
    const config = unitCfg({ units: { a: { num_channels: 8, channels } } });
    Object.assign(config.algorithm.mutator_cfg, { parse_cfg: { type: 'Config' } });
    expect(faults(config)).toEqual([]);
  });

  test('a template that comes back as it was keeps the default target', () => {
    const config = resolveConfig(units(1, 1), { hasDataset: false });
    expect(config.algorithm.target_pruning_ratio).toBeUndefined();
    expect(config.target).toEqual({ macs: 0.5 });
  });

  test('lowered, they exclude a target', () => {
    expect(faults({ ...units(0.5, 1), target: { macs: 0.5 } })).toEqual([
      '/target: excludes the choices in units: give one of them',
    ]);
  });
});

test('property: any JSON is resolved or refused with pointers that exist or name what is missing', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.boolean(), (input, hasDataset) => {
      for (const fault of faults(input ?? {}, hasDataset)) expect(fault).toMatch(/^(\/|: )/);
    }),
    { numRuns: 300 },
  );
});

test('property: resolving what was resolved changes nothing', () => {
  const input = fc.record(
    {
      target: fc.oneof(
        fc.constantFrom('macs', 'parameters', 'size').map((k) => ({ [k]: 0.3 })),
        fc.constant({ macs: { at_most: 1000 } }),
      ),
      seed: fc.nat(),
      finetune: fc.oneof(
        fc.constant(false as const),
        fc.record({ epochs: fc.integer({ min: 1, max: 9 }), optimizer: fc.constantFrom({ type: 'adam' }, {}) }),
      ),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(input, (config) => {
      const once = resolveConfig(config, { hasDataset: true });
      expect(resolveConfig(once, { hasDataset: true })).toEqual(once);
    }),
    { numRuns: 100 },
  );
});
