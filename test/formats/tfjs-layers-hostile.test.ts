/** Broken and hostile models: each a coded error that names the layer, field or file, and never another exception. */
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { EspalierError } from '../../src/errors.js';
import { useCpu } from '../support/tfjs.js';
import { type AnyJson, jsonOf, layerNamed, plainFiles, readFiles, tampered, withJson } from './tampering.js';

beforeAll(useCpu);

const conv = (json: AnyJson) => layerNamed(json, 'conv').config;

const CASES: readonly (readonly [string, (json: AnyJson) => void, string, string])[] = [
  [
    'an unknown layer',
    (j) => {
      layerNamed(j, 'norm').class_name = 'Sorcery';
    },
    'LAYER_UNSUPPORTED',
    'layer norm has class Sorcery',
  ],
  [
    'a Lambda layer',
    (j) => {
      layerNamed(j, 'norm').class_name = 'Lambda';
    },
    'LAMBDA_LAYER',
    'layer norm',
  ],
  [
    'a class called constructor',
    (j) => {
      layerNamed(j, 'norm').class_name = 'constructor';
    },
    'LAYER_UNSUPPORTED',
    'constructor',
  ],
  [
    'an unknown activation',
    (j) => {
      conv(j).activation = 'sorcery';
    },
    'LAYER_UNSUPPORTED',
    'activation is "sorcery"',
  ],
  [
    'an activation with a class',
    (j) => {
      conv(j).activation = { class_name: 'X' };
    },
    'LAYER_UNSUPPORTED',
    'layer conv (Conv2D): its activation is {"class_name":"X"}',
  ],
  [
    'filters beyond any array',
    (j) => {
      conv(j).filters = 1e12;
    },
    'SHAPE_OVERFLOW',
    'layer conv: filters is 1000000000000',
  ],
  [
    'filters that the weights contradict',
    (j) => {
      conv(j).filters = 5;
    },
    'LAYER_INVALID',
    'conv/kernel has shape [3,3,2,4]',
  ],
  [
    'filters of half a channel',
    (j) => {
      conv(j).filters = 1.5;
    },
    'LAYER_INVALID',
    'layer conv: filters is 1.5',
  ],
  [
    'filters in words',
    (j) => {
      conv(j).filters = 'many';
    },
    'LAYER_INVALID',
    'layer conv: filters is "many"',
  ],
  [
    'no filters',
    (j) => {
      delete conv(j).filters;
    },
    'LAYER_INVALID',
    'layer conv: filters is absent',
  ],
  [
    'a kernel of three',
    (j) => {
      conv(j).kernel_size = [3, 3, 3];
    },
    'LAYER_INVALID',
    'layer conv: kernel_size',
  ],
  [
    'a kernel larger than the image',
    (j) => {
      layerNamed(j, 'input').config.batch_input_shape = [null, 2, 2, 2];
    },
    'LAYER_INVALID',
    'layer conv',
  ],
  [
    'strides of zero',
    (j) => {
      conv(j).strides = [0, 1];
    },
    'LAYER_INVALID',
    'layer conv: strides',
  ],
  [
    'a padding unheard of',
    (j) => {
      conv(j).padding = 'causal';
    },
    'LAYER_INVALID',
    'layer conv: padding is "causal"',
  ],
  [
    'groups that do not divide',
    (j) => {
      conv(j).groups = 3;
    },
    'LAYER_INVALID',
    'layer conv: 2 channels',
  ],
  [
    'use_bias in words',
    (j) => {
      conv(j).use_bias = 'no';
    },
    'LAYER_INVALID',
    'layer conv: use_bias',
  ],
  [
    'a norm over the batch, which is all that there is',
    (j) => {
      layerNamed(j, 'input').config.batch_input_shape = [null, 1];
      Object.assign(layerNamed(j, 'conv'), { class_name: 'Reshape', config: { name: 'conv', target_shape: [] } });
      layerNamed(j, 'norm').config.axis = -1;
    },
    'LAYER_UNSUPPORTED',
    'layer norm',
  ],
  [
    'a norm over axis 2',
    (j) => {
      layerNamed(j, 'norm').config.axis = 2;
    },
    'LAYER_UNSUPPORTED',
    'layer norm',
  ],
  [
    'an epsilon in words',
    (j) => {
      layerNamed(j, 'norm').config.epsilon = [];
    },
    'LAYER_INVALID',
    'layer norm: epsilon',
  ],
  [
    'no input shape',
    (j) => {
      delete layerNamed(j, 'input').config.batch_input_shape;
    },
    'LAYER_INVALID',
    'layer input',
  ],
  [
    'a negative input',
    (j) => {
      layerNamed(j, 'input').config.batch_input_shape = [null, -6, 6, 2];
    },
    'LAYER_INVALID',
    'layer input',
  ],
  [
    'an input without known channels',
    (j) => {
      layerNamed(j, 'input').config.batch_input_shape = [null, null, null, null];
    },
    'LAYER_INVALID',
    'channels',
  ],
  [
    'an input beyond any array',
    (j) => {
      layerNamed(j, 'input').config.batch_input_shape = [null, 1e5, 1e5, 2];
    },
    'SHAPE_OVERFLOW',
    'input',
  ],
  [
    'an input of strings',
    (j) => {
      layerNamed(j, 'input').config.dtype = 'string';
    },
    'LAYER_UNSUPPORTED',
    'dtype "string"',
  ],
  [
    'a config that is none',
    (j) => {
      layerNamed(j, 'norm').config = 7;
    },
    'LAYER_INVALID',
    'layer norm: config is 7',
  ],
  [
    'a layer that is none',
    (j) => {
      j.modelTopology.config.layers[1] = null;
    },
    'MODEL_INVALID',
    'layers[1]',
  ],
  [
    'a layer without a class',
    (j) => {
      delete layerNamed(j, 'norm').class_name;
    },
    'LAYER_INVALID',
    'layer norm',
  ],
  [
    'two layers of one name',
    (j) => {
      j.modelTopology.config.layers.push(layerNamed(j, 'norm'));
    },
    'MODEL_INVALID',
    'named norm',
  ],
  [
    'layers that are no list',
    (j) => {
      j.modelTopology.config.layers = {};
    },
    'MODEL_INVALID',
    'layers',
  ],
  [
    'a topology that is none',
    (j) => {
      j.modelTopology = 'x';
    },
    'MODEL_INVALID',
    'topology',
  ],
  [
    'a model of another class',
    (j) => {
      j.modelTopology.class_name = 'Forest';
    },
    'MODEL_INVALID',
    'Forest',
  ],
  [
    'a cycle',
    (j) => {
      layerNamed(j, 'conv').inbound_nodes = [[['norm', 0, 0, {}]]];
    },
    'MODEL_INVALID',
    'conv, norm',
  ],
  [
    'a layer that reads itself',
    (j) => {
      layerNamed(j, 'conv').inbound_nodes = [[['conv', 0, 0, {}]]];
    },
    'MODEL_INVALID',
    'conv',
  ],
  [
    'an inbound node of nobody',
    (j) => {
      layerNamed(j, 'conv').inbound_nodes = [[['ghost', 0, 0, {}]]];
    },
    'MODEL_INVALID',
    '"ghost"',
  ],
  [
    'an inbound node of __proto__',
    (j) => {
      layerNamed(j, 'conv').inbound_nodes = [[['__proto__', 0, 0, {}]]];
    },
    'MODEL_INVALID',
    '__proto__',
  ],
  [
    'a call that never was',
    (j) => {
      layerNamed(j, 'norm').inbound_nodes = [[['conv', 4, 0, {}]]];
    },
    'MODEL_INVALID',
    'node 4',
  ],
  [
    'a tensor that never was',
    (j) => {
      layerNamed(j, 'norm').inbound_nodes = [[['conv', 0, 1, {}]]];
    },
    'MODEL_INVALID',
    'tensor 1',
  ],
  [
    'inbound nodes in words',
    (j) => {
      layerNamed(j, 'norm').inbound_nodes = 'conv';
    },
    'LAYER_INVALID',
    'layer norm: inbound_nodes',
  ],
  [
    'an inbound node of numbers',
    (j) => {
      layerNamed(j, 'norm').inbound_nodes = [[1]];
    },
    'MODEL_INVALID',
    'layer norm',
  ],
  [
    'a norm of two inputs',
    (j) => {
      layerNamed(j, 'norm').inbound_nodes = [
        [
          ['conv', 0, 0],
          ['conv', 0, 0],
        ],
      ];
    },
    'LAYER_INVALID',
    'layer norm: it has 2 inputs',
  ],
  [
    'no output layers',
    (j) => {
      j.modelTopology.config.output_layers = [];
    },
    'MODEL_INVALID',
    'output_layers',
  ],
  [
    'an input layer left out',
    (j) => {
      j.modelTopology.config.input_layers = [['conv', 0, 0]];
    },
    'MODEL_INVALID',
    'input_layers names conv',
  ],
  [
    'a flatten of a matrix of another size',
    (j) => {
      layerNamed(j, 'dense').config.units = 7;
    },
    'LAYER_INVALID',
    'dense/kernel',
  ],
  [
    'a shard that is missing',
    (j) => {
      j.weightsManifest[0].paths = ['weights.bin', 'group1-shard2of2'];
    },
    'WEIGHTS_MISSING',
    'group1-shard2of2',
  ],
  [
    'a shard outside',
    (j) => {
      j.weightsManifest[0].paths = ['../../etc/passwd'];
    },
    'WEIGHTS_MISSING',
    '../../etc/passwd',
  ],
  [
    'a weight of another length',
    (j) => {
      j.weightsManifest[0].weights[0].shape = [3, 3, 2, 5];
    },
    'WEIGHTS_LENGTH',
    'found',
  ],
  [
    'a weight beyond any array',
    (j) => {
      j.weightsManifest[0].weights[0].shape = [1e9, 1e9];
    },
    'SHAPE_OVERFLOW',
    'conv/kernel',
  ],
  [
    'a weight twice',
    (j) => {
      j.weightsManifest[0].weights[1].name = 'conv/kernel';
    },
    'MODEL_INVALID',
    'conv/kernel twice',
  ],
  [
    'a weight of another name',
    (j) => {
      j.weightsManifest[0].weights[0].name = 'other/kernel';
    },
    'LAYER_INVALID',
    'layer conv: the weights manifest has no conv/kernel',
  ],
  [
    'a weight of strings',
    (j) => {
      j.weightsManifest[0].weights[0].dtype = 'string';
    },
    'MODEL_INVALID',
    '"string"',
  ],
  [
    'a weight of a type that every object has',
    (j) => {
      j.weightsManifest[0].weights[0].dtype = '__proto__';
    },
    'MODEL_INVALID',
    '"__proto__"',
  ],
  [
    'a quantization unheard of',
    (j) => {
      j.weightsManifest[0].weights[0].quantization = { dtype: 'int4' };
    },
    'MODEL_INVALID',
    'conv/kernel',
  ],
  [
    'a manifest that is none',
    (j) => {
      j.weightsManifest = 4;
    },
    'MODEL_INVALID',
    'weightsManifest is 4',
  ],
];

describe('a model with', () => {
  test.each(CASES)('%s', async (_name, change, code, named) => {
    await expect(readFiles(await tampered(change))).rejects.toMatchObject({
      name: 'EspalierError',
      code,
      message: expect.stringContaining(named),
    });
  });

  test('JSON cut short', async () => {
    const files = await plainFiles();
    const text = JSON.stringify(jsonOf(files));
    const broken = withJson(files, `${text.slice(0, -30)}"weightsManifest"`);
    await expect(readFiles(broken)).rejects.toMatchObject({ code: 'MODEL_INVALID' });
  });

  test.each([200, 200_000])('JSON nested %i deep', async (depth) => {
    const deep = `${'['.repeat(depth)}${']'.repeat(depth)}`;
    const files = withJson(await plainFiles(), `{"modelTopology": ${deep}, "weightsManifest": []}`);
    await expect(readFiles(files)).rejects.toMatchObject({ code: 'MODEL_INVALID' });
  });

  test('models nested without end', async () => {
    let model: AnyJson = { class_name: 'Dense', config: { name: 'd', units: 1, batch_input_shape: [null, 1] } };
    for (let i = 0; i < 20; i++) model = { class_name: 'Sequential', config: { name: `s${i}`, layers: [model] } };
    const files = await tampered((json) => {
      json.modelTopology = model;
    });
    await expect(readFiles(files)).rejects.toMatchObject({ code: 'MODEL_INVALID' });
  });

  test('keys of prototypes, which are kept and mean nothing', async () => {
    const files = await plainFiles();
    const text = JSON.stringify(jsonOf(files)).replace('"filters":4', '"filters":4,"__proto__":{"filters":9}');
    const model = await readFiles(withJson(files, text));
    const written = await model.write(model.graph);
    expect(Buffer.from(written.get('model.json')!).toString()).toContain('"__proto__":{"filters":9}');
  });
});

test('whatever a value is replaced with, the fault is a coded one', async () => {
  const files = await plainFiles();
  const original = jsonOf(files);
  const paths = pathsOf(original);
  const junk = fc.oneof(
    fc.constantFrom(null, true, 0, -1, 0.5, 1e300, '', 'x', [], {}, [[]], [null], { class_name: 'Lambda' }),
    fc.jsonValue({ maxDepth: 2 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...paths), junk, async (path, value) => {
      const json = structuredClone(original);
      const parent = path.slice(0, -1).reduce((node, key) => node[key], json);
      parent[path[path.length - 1]] = value;
      try {
        const model = await readFiles(withJson(files, json));
        await model.write(model.graph);
      } catch (error) {
        if (!(error instanceof EspalierError)) throw error;
      }
    }),
    { numRuns: 1500, seed: 5 },
  );
});

function pathsOf(node: AnyJson, path: (string | number)[] = []): (string | number)[][] {
  if (typeof node !== 'object' || node === null) return [path];
  const below = Object.keys(node).flatMap((key) => pathsOf(node[key], [...path, key]));
  return path.length === 0 ? below : [path, ...below];
}
