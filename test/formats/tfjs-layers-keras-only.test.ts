/** Layers of Keras that stock TensorFlow.js lacks, against numbers worked out by hand. */
import { describe, expect, test } from 'vitest';
import { tensor } from '../../src/graph/tensor.js';
import { ChannelMutator } from '../../src/pruning/mutators/index.js';
import { seededRandom } from '../support/seeded-random.js';
import { relativeError, runGraph } from './run-graph.js';
import { type AnyJson, jsonOf, readFiles } from './tampering.js';

type Weights = Readonly<Record<string, readonly [shape: readonly number[], values: readonly number[]]>>;
type LayerRow = readonly [className: string, config: AnyJson];

/** The files of a Sequential model; layers are named `layer0`, `layer1`, …. */
function sequential(shape: readonly number[], rows: readonly LayerRow[], weights: Weights = {}) {
  const layers = rows.map(([class_name, config], i) => ({ class_name, config: { name: `layer${i}`, ...config } }));
  layers.unshift({ class_name: 'InputLayer', config: { name: 'input', batch_input_shape: [null, ...shape] } });
  const entries = Object.entries(weights);
  const json = {
    modelTopology: { class_name: 'Sequential', config: { name: 'made', layers } },
    weightsManifest: [
      { paths: ['./w.bin'], weights: entries.map(([name, [s]]) => ({ name, shape: s, dtype: 'float32' })) },
    ],
  };
  const values = Float32Array.from(entries.flatMap(([, [, v]]) => v));
  return new Map([
    ['model.json', new Uint8Array(Buffer.from(JSON.stringify(json)))],
    ['w.bin', new Uint8Array(values.buffer)],
  ]);
}

async function run(rows: readonly LayerRow[], shape: readonly number[], x: readonly number[], weights?: Weights) {
  const model = await readFiles(sequential(shape, rows, weights));
  const [output] = runGraph(model.graph, [tensor('float32', [1, ...shape], [...x])]);
  return { shape: output.shape, data: Array.from(output.data) };
}

/** Input shape, input, layer, output shape, output, weights. */
const CASES: readonly (readonly [LayerRow, number[], number[], number[], number[], Weights?])[] = [
  [
    ['ZeroPadding1D', { padding: [1, 2] }],
    [2, 2],
    [1, 2, 3, 4],
    [1, 5, 2],
    [0, 0, 1, 2, 3, 4, 0, 0, 0, 0],
  ],
  [
    [
      'ZeroPadding3D',
      {
        padding: [
          [0, 1],
          [0, 0],
          [1, 0],
        ],
      },
    ],
    [1, 1, 2, 1],
    [1, 2],
    [1, 2, 1, 3, 1],
    [0, 1, 2, 0, 0, 0],
  ],
  [
    ['Cropping1D', { cropping: [1, 1] }],
    [4, 2],
    [1, 2, 3, 4, 5, 6, 7, 8],
    [1, 2, 2],
    [3, 4, 5, 6],
  ],
  [
    [
      'Cropping3D',
      {
        cropping: [
          [1, 0],
          [0, 0],
          [0, 1],
        ],
      },
    ],
    [2, 1, 2, 1],
    [1, 2, 3, 4],
    [1, 1, 1, 1, 1],
    [3],
  ],
  [
    ['UpSampling1D', { size: 2 }],
    [2, 2],
    [1, 2, 3, 4],
    [1, 4, 2],
    [1, 2, 1, 2, 3, 4, 3, 4],
  ],
  [
    ['UpSampling3D', { size: [1, 1, 2] }],
    [1, 1, 2, 1],
    [1, 2],
    [1, 1, 1, 4, 1],
    [1, 1, 2, 2],
  ],
  [
    ['GlobalAveragePooling3D', {}],
    [1, 2, 1, 2],
    [1, 2, 3, 4],
    [1, 2],
    [2, 3],
  ],
  [
    ['GlobalMaxPooling2D', { keepdims: true }],
    [1, 2, 2],
    [1, 4, 3, 2],
    [1, 1, 1, 2],
    [3, 4],
  ],
  [['CenterCrop', { height: 1, width: 2 }], [3, 4, 1], [...Array(12).keys()], [1, 1, 2, 1], [5, 6]],
  [
    ['Resizing', { height: 2, width: 2 }],
    [1, 4, 1],
    [1, 2, 3, 4],
    [1, 2, 2, 1],
    [1.5, 3.5, 1.5, 3.5],
  ],
  [
    ['Resizing', { height: 1, width: 4 }],
    [1, 2, 1],
    [0, 4],
    [1, 1, 4, 1],
    [0, 1, 3, 4],
  ],
  [
    ['Resizing', { height: 2, width: 3, interpolation: 'nearest' }],
    [1, 5, 1],
    [0, 1, 2, 3, 4],
    [1, 2, 3, 1],
    [0, 2, 4, 0, 2, 4],
  ],
  [
    ['Resizing', { height: 1, width: 3, interpolation: 'nearest', data_format: 'channels_first' }],
    [1, 1, 10],
    [...Array(10).keys()],
    [1, 1, 1, 3],
    [1, 5, 8],
  ],
  [
    ['Rescaling', { scale: [2, 3], offset: [1, 0] }],
    [2, 2],
    [1, 2, 3, 4],
    [1, 2, 2],
    [3, 6, 7, 12],
  ],
  [
    ['Conv1D', { filters: 1, kernel_size: 2, padding: 'causal', use_bias: false }],
    [3, 1],
    [1, 2, 3],
    [1, 3, 1],
    [1, 12, 23],
    {
      'layer0/kernel': [
        [2, 1, 1],
        [10, 1],
      ],
    },
  ],
  [
    ['SeparableConv1D', { filters: 1, kernel_size: 1, depth_multiplier: 2 }],
    [2, 1],
    [1, 2],
    [1, 2, 1],
    [2 * 5 + 3 * 7 + 1, 4 * 5 + 6 * 7 + 1],
    {
      'layer0/depthwise_kernel': [
        [1, 1, 2],
        [2, 3],
      ],
      'layer0/pointwise_kernel': [
        [1, 2, 1],
        [5, 7],
      ],
      'layer0/bias': [[1], [1]],
    },
  ],
  [
    ['Normalization', { axis: [-1] }],
    [2],
    [3, 5],
    [1, 2],
    [1, -0.5],
    { 'layer0/mean': [[2], [1, 6]], 'layer0/variance': [[2], [4, 4]] },
  ],
  [
    // Groups of two channels: 1, 3 at one place and 5, 7 at the other have mean 4 and variance 5.
    ['GroupNormalization', { groups: 2, epsilon: 0 }],
    [2, 4],
    [1, 3, 0, 2, 5, 7, 0, 2],
    [1, 2, 4],
    [-3, -1, -1, 1, 1, 3, -1, 1].map((v, i) => ([0, 1, 4, 5].includes(i) ? v / Math.sqrt(5) : v) + (i % 4)),
    { 'layer0/gamma': [[4], [1, 1, 1, 1]], 'layer0/beta': [[4], [0, 1, 2, 3]] },
  ],
];

describe("a transposed convolution of Keras 1, which names its output's extents", () => {
  const layer = (output_shape: AnyJson, border_mode = 'valid'): LayerRow => {
    const config = { nb_filter: 1, nb_row: 1, nb_col: 2, subsample: [1, 3], bias: false, dim_ordering: 'tf' };
    return ['Deconvolution2D', { ...config, border_mode, output_shape }];
  };
  const weights: Weights = {
    'layer0/layer0_W': [
      [1, 2, 1, 1],
      [10, 1],
    ],
  };

  // The kernel comes every third place; what no window reaches is zero.
  test.each([
    ['valid', 5, [10, 1, 0, 20, 2]],
    ['valid', 7, [10, 1, 0, 20, 2, 0, 0]],
    ['same', 4, [10, 1, 0, 20]],
    ['same', 6, [10, 1, 0, 20, 2, 0]],
  ])('%s to %i', async (mode, width, values) => {
    const got = await run([layer([null, 1, width, 1], mode)], [1, 2, 1], [1, 2], weights);
    expect(got).toEqual({ shape: [1, 1, width, 1], data: values });
  });

  test.each([
    ['valid', [null, 1, 4, 1]],
    ['valid', [null, 1, 8, 1]],
    ['same', [null, 1, 3, 1]],
    ['same', [null, 1, 7, 1]],
    ['same', [1, 7, 1]],
    ['same', 'large'],
  ])('%s can not be %j', async (mode, shape) => {
    await expect(run([layer(shape, mode)], [1, 2, 1], [1, 2], weights)).rejects.toMatchObject({
      code: 'LAYER_INVALID',
      message: expect.stringContaining('layer layer0: output_shape is'),
    });
  });
});

describe('computes', () => {
  for (const [row, shape, x, outputShape, output, weights] of CASES) {
    test(JSON.stringify(row), async () => {
      const got = await run([row], shape, x, weights);
      expect(relativeError([got], [{ shape: outputShape, data: output }])).toBeLessThan(1e-6);
    });
  }
});

describe('pruned, the file keeps to what is left', () => {
  const random = seededRandom(3);
  const weight = (...shape: number[]) =>
    [shape, Array.from({ length: shape.reduce((n, d) => n * d, 1) }, () => random() - 0.4)] as const;

  async function halved(rows: readonly LayerRow[], weights: Weights) {
    const model = await readFiles(sequential([5, 2], rows, weights));
    const mutator = new ChannelMutator();
    mutator.prepareFromSupernet(model.graph);
    mutator.setChoices(Object.fromEntries(mutator.mutableUnits.map((unit) => [unit.name, 0.5])));
    const written = await model.write(mutator.exportSubnet().graph);
    const x = [tensor('float32', [1, 5, 2], Float32Array.from({ length: 10 }, random))];
    const again = runGraph((await readFiles(written)).graph, x);
    expect(relativeError(again, runGraph(mutator.maskedGraph(), x))).toBeLessThan(1e-6);
    return jsonOf(written).modelTopology.config.layers.map((layer: AnyJson) => layer.config);
  }

  test.each([
    [4, 4],
    [8, 4],
    [-1, -1],
  ])('in group norms of %i groups', async (groups, after) => {
    const configs = await halved(
      [
        ['Conv1D', { filters: 8, kernel_size: 3 }],
        ['GroupNormalization', { groups }],
        ['Conv1D', { filters: 2, kernel_size: 1, use_bias: false }],
      ],
      {
        'layer0/kernel': weight(3, 2, 8),
        'layer0/bias': weight(8),
        'layer1/gamma': weight(8),
        'layer1/beta': weight(8),
        'layer2/kernel': weight(1, 8, 2),
      },
    );
    expect(configs[1].filters).toBe(4);
    expect(configs[2].groups).toBe(after);
  });

  test('in numbers of the config, one for each channel', async () => {
    const configs = await halved(
      [
        ['Conv1D', { filters: 4, kernel_size: 3, use_bias: false }],
        ['Rescaling', { scale: [1, 2, 3, 4], offset: 0.5 }],
        ['Conv1D', { filters: 2, kernel_size: 1, use_bias: false }],
      ],
      { 'layer0/kernel': weight(3, 2, 4), 'layer2/kernel': weight(1, 4, 2) },
    );
    expect(configs[2].scale.length).toBe(2);
    expect(configs[2].offset).toBe(0.5);
  });
});

describe('is refused, or warned of', () => {
  test.each(['GaussianNoise', 'GaussianDropout', 'AlphaDropout', 'SpatialDropout1D'])('%s', async (name) => {
    const model = await readFiles(sequential([3, 2], [[name, { rate: 0.5, stddev: 1 }]]));
    expect(model.warnings).toEqual([{ code: 'NOISE_LEFT_OUT', message: expect.stringContaining(name) }]);
  });

  test.each(['Dot', 'Masking', 'LSTM', 'TimeDistributed'])('%s', async (name) => {
    await expect(readFiles(sequential([3, 2], [[name, {}]]))).rejects.toMatchObject({
      code: 'LAYER_UNSUPPORTED',
      message: expect.stringContaining(`layer layer0 has class ${name}`),
    });
  });
});
