/** What stays of a file besides its weights, operators of all kinds, modes of export: pruned to half, written, read again, run by onnxruntime. */
import { describe, expect, test } from 'vitest';
import { createTrainingStep } from '../../../src/autodiff/index.js';
import { selectOutputs } from '../../../src/graph/passes/select-outputs.js';
import { tensor } from '../../../src/graph/tensor.js';
import { decodeModel, encodeModel } from '../../../src/onnx-proto/index.js';
import { faultOf } from '../../support/fault-of.js';
import { readOnnxBytes } from '../../support/onnx-files.js';
import { type ModelSketch, onnxBytes, onnxModel } from './onnx-models.js';
import { PLAIN, positive, shapes, units, weights } from './plain-net.js';
import { prune } from './prune-file.js';

describe('layers, metadata and value infos', () => {
  test('a layer is called what its weight is called without .weight, and the file keeps all that is not narrower', async () => {
    const proto = onnxModel(PLAIN);
    proto.docString = 'mine';
    proto.metadataProps.push({ $typeName: 'onnx.StringStringEntryProto', key: 'labels', value: 'a,b' });
    proto.graph!.node[1].docString = 'a relu';
    proto.$unknown = [{ no: 999, wireType: 2, data: Uint8Array.of(3, 1, 2, 3) }];
    const { mutator, written, proto: graph } = await prune(encodeModel(proto));
    expect(units(mutator)).toEqual(['c1_(0, 8)_8', 'c2_(0, 6)_6']);
    expect(shapes(graph)).toEqual({
      'c1.weight': [4, 3, 3, 3],
      'c1.bias': [4],
      'c2.weight': [3, 4, 3, 3],
      'fc.weight': [5, 3],
      'fc.bias': [5],
    });
    const model = decodeModel(written);
    expect([model.docString, model.producerName, model.metadataProps[0].value]).toEqual(['mine', 'sketch', 'a,b']);
    expect(model.$unknown).toEqual(proto.$unknown);
    expect(graph.node.map((node) => [node.name, node.docString])).toEqual(
      proto.graph!.node.map((node) => [node.name, node.docString]),
    );
    const dims = graph.valueInfo.map((info) => {
      const type = info.type!.value;
      return type.case === 'tensorType' ? type.value.shape!.dim.map((d) => Number(d.value.value)) : [];
    });
    expect(dims).toEqual([
      [1, 4, 8, 8],
      [1, 3, 6, 6],
    ]);
  });

  test('what is not pruned is written byte for byte', async () => {
    const bytes = onnxBytes(PLAIN);
    const model = await readOnnxBytes(bytes);
    expect((await model.write(model.graph)).get('model.onnx')).toEqual(bytes);
  });

  test('initializers that are inputs too, as before IR version 4', async () => {
    const { proto } = await prune(onnxBytes({ ...PLAIN, listInitializers: true, irVersion: 3 }));
    const listed = proto.input.map((info) => {
      const type = info.type!.value;
      return [info.name, type.case === 'tensorType' ? type.value.shape!.dim.map((d) => Number(d.value.value)) : []];
    });
    expect(Object.fromEntries(listed)).toEqual({ x: [1, 3, 8, 8], ...shapes(proto) });
  });

  test('outputs that are not kept leave the file, with what only they need', async () => {
    const sketch: ModelSketch = {
      ...PLAIN,
      outputs: { y: [1, 5], z: [1, 2, 6, 6] },
      weights: { ...PLAIN.weights, 'c3.weight': weights(2, 6, 1, 1) },
      nodes: [...PLAIN.nodes, ['Conv', ['c', 'c3.weight'], ['z']]],
    };
    const model = await readOnnxBytes(onnxBytes(sketch));
    const written = await model.write(selectOutputs(model.graph, ['y']));
    expect(decodeModel(written.get('model.onnx')!)).toEqual(decodeModel(onnxBytes(PLAIN)));
  });
});

describe('modes and operators', () => {
  test('a model exported for training is read as in evaluation', async () => {
    const bn = { 'bn.weight': positive(8), 'bn.bias': weights(8), 'bn.mean': weights(8), 'bn.var': positive(8) };
    const { model, mutator } = await prune(
      onnxBytes({
        ...PLAIN,
        weights: { ...PLAIN.weights, ...bn, ratio: tensor('float32', [], [0.5]), mode: tensor('bool', [], [1]) },
        nodes: [
          PLAIN.nodes[0],
          ['BatchNormalization', ['a', ...Object.keys(bn)], ['n', 'm1', 'v1'], { training_mode: 1 }],
          ['Dropout', ['n', 'ratio', 'mode'], ['b', 'mask']],
          ...PLAIN.nodes.slice(2),
        ],
      }),
      { fileRuns: false },
    );
    expect(model.warnings.map((w) => w.code)).toContain('TRAIN_MODE_EXPORT');
    expect(units(mutator)).toEqual(['c1_(0, 8)_8', 'c2_(0, 6)_6']);
  });

  test('an operator that is not known runs as it stands, and what it touches stays', async () => {
    const { model, mutator } = await prune(
      onnxBytes({ ...PLAIN, nodes: [PLAIN.nodes[0], ['Sin', ['a'], ['b']], ...PLAIN.nodes.slice(2)] }),
    );
    expect(model.graph.nodes.map((node) => node.op)).toContain('Opaque');
    expect(units(mutator)).toEqual(['c2_(0, 6)_6']);
    expect(mutator.unprunable).toContainEqual(expect.objectContaining({ layer: 'c1', code: 'OPAQUE_OP' }));
    expect(mutator.unprunable.find((u) => u.layer === 'c1')!.reason).toMatch(/^Sin b/);
  });

  test('an operator of unknown shape is refused by name', async () => {
    const sketch = {
      ...PLAIN,
      nodes: [PLAIN.nodes[0], ['my.domain::Magic', ['a'], ['b']] as const, ...PLAIN.nodes.slice(2)],
    };
    await expect(readOnnxBytes(onnxBytes({ ...sketch, domains: { 'my.domain': 1 } }))).rejects.toMatchObject({
      code: 'LAYER_UNSUPPORTED',
      message: expect.stringMatching(/layer b \(Magic\)/),
    });
  });

  test('no gradient flows through an operator that is not known', async () => {
    const { graph } = await readOnnxBytes(
      onnxBytes({ ...PLAIN, nodes: [PLAIN.nodes[0], ['Sin', ['a'], ['b']], ...PLAIN.nodes.slice(2)] }),
    );
    const options = {
      loss: 'cross_entropy',
      labels: 'index',
      optimizer: { type: 'sgd', momentum: 0, weightDecay: 0 },
    } as const;
    expect(faultOf(() => createTrainingStep(graph, options))).toMatchObject({
      code: 'NOT_TRAINABLE',
      message: expect.stringMatching(/Sin/),
    });
  });

  test('versions of the operators that are not read are refused', async () => {
    await expect(readOnnxBytes(onnxBytes({ ...PLAIN, opset: 5 }))).rejects.toMatchObject({ code: 'LAYER_UNSUPPORTED' });
    await expect(readOnnxBytes(onnxBytes({ ...PLAIN, opset: 99 }))).rejects.toMatchObject({
      code: 'LAYER_UNSUPPORTED',
    });
  });
});
