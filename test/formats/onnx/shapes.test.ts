/** Batches, open extents and shape arithmetic: pruned to half, written, read again, run by onnxruntime. */
import { describe, expect, test } from 'vitest';
import { fileSetOf } from '../../../src/formats/index.js';
import { ONNX } from '../../../src/formats/onnx/index.js';
import { getSpec } from '../../../src/graph/graph.js';
import { tensor } from '../../../src/graph/tensor.js';
import { ChannelMutator } from '../../../src/pruning/index.js';
import { readOnnxBytes } from '../../support/onnx-files.js';
import { onnxBytes } from './onnx-models.js';
import { ints, PLAIN, shapes, units, weights } from './plain-net.js';
import { prune, randomFeeds, run, runBytes } from './prune-file.js';

describe('shapes', () => {
  test('a symbolic batch, and shape arithmetic with it: the head follows what is pruned', async () => {
    const { model, proto } = await prune(
      onnxBytes({
        inputs: { x: ['batch', 3, 6, 6] },
        outputs: { y: ['batch', 5] },
        weights: {
          'c1.weight': weights(8, 3, 3, 3),
          'fc.weight': weights(5, 128),
          zero: tensor('int64', [], [0]),
          ax: ints(0),
          rest: ints(-1),
        },
        nodes: [
          ['Conv', ['x', 'c1.weight'], ['a']],
          ['Shape', ['a'], ['s']],
          ['Gather', ['s', 'zero'], ['n'], { axis: 0 }],
          ['Unsqueeze', ['n', 'ax'], ['nn']],
          ['Concat', ['nn', 'rest'], ['to'], { axis: 0 }],
          ['Reshape', ['a', 'to'], ['flat']],
          ['Gemm', ['flat', 'fc.weight'], ['y'], { transB: 1 }],
        ],
      }),
      { batch: 3 },
    );
    expect(getSpec(model.graph, 'x').shape[0]).toBe('N');
    expect(shapes(proto)['fc.weight']).toEqual([5, 64]);
    expect(proto.node.map((node) => node.opType)).toContain('Shape');
  });

  test('a batch of 1 in the constants of reshapes is opened', async () => {
    const bytes = onnxBytes({
      inputs: { x: [1, 3, 6, 6] },
      outputs: { y: [1, 5] },
      weights: { 'c1.weight': weights(8, 3, 3, 3), 'fc.weight': weights(5, 128), to: ints(1, 128) },
      nodes: [
        ['Conv', ['x', 'c1.weight'], ['a']],
        ['Reshape', ['a', 'to'], ['flat']],
        ['Gemm', ['flat', 'fc.weight'], ['y'], { transB: 1 }],
      ],
    });
    const { model, proto } = await prune(bytes);
    const feeds = randomFeeds(model.graph, 4);
    expect((await run(model.graph, feeds)).get('y')!.shape).toEqual([4, 5]);
    const to = proto.initializer.find((t) => t.name === 'to')!;
    expect([...new BigInt64Array(to.rawData.slice().buffer)]).toEqual([1n, 64n]);
  });

  test('extents that the file leaves open are those of the data, and stay open in what is written', async () => {
    const bytes = onnxBytes({ ...PLAIN, inputs: { x: ['n', 3, 'h', 'w'] }, outputs: { y: ['n', 5] }, values: {} });
    const files = fileSetOf(new Map([['model.onnx', bytes]]));
    const assumed = await ONNX.read(files);
    expect(getSpec(assumed.graph, 'x').shape).toEqual(['N', 3, 224, 224]);
    expect([...assumed.openAxes]).toEqual([['x', [2, 3]]]);
    expect(assumed.warnings.map((w) => w.code)).toEqual(['INPUT_SIZE_ASSUMED']);
    const model = await ONNX.read(files, { sampleShape: [10, 12, 3] });
    expect(getSpec(model.graph, 'x').shape).toEqual(['N', 3, 10, 12]);
    expect(model.warnings.map((w) => w.code)).toEqual(['INPUT_SIZE_FROM_DATA']);
    const mutator = new ChannelMutator();
    mutator.prepareFromSupernet(model.graph);
    mutator.setChoices(Object.fromEntries(mutator.mutableUnits.map((unit) => [unit.name, 0.5])));
    const written = (await model.write(mutator.exportSubnet().graph)).get('model.onnx')!;
    const feeds = randomFeeds((await readOnnxBytes(onnxBytes(PLAIN))).graph, 2);
    expect((await runBytes(written, feeds)).get('y')!.shape).toEqual([2, 5]);
  });

  test('where samples of a batch meet, the batch stays that of the file, and a warning says so', async () => {
    const { model } = await prune(
      onnxBytes({
        ...PLAIN,
        outputs: { y: [1, 5] },
        nodes: [
          ...PLAIN.nodes.slice(0, 5),
          ['Gemm', ['e', 'fc.weight', 'fc.bias'], ['f'], { transB: 1 }],
          ['Softmax', ['f'], ['y'], { axis: 0 }],
        ],
      }),
    );
    expect(getSpec(model.graph, 'x').shape[0]).toBe(1);
    expect(model.warnings.map((w) => w.code)).toEqual(['BATCH_FIXED']);
  });

  test('halves of the channels by computed bounds are cut where the kept channels say', async () => {
    const { mutator, proto } = await prune(
      onnxBytes({
        inputs: { x: [1, 3, 6, 6] },
        outputs: { y: [1, 2, 6, 6] },
        weights: {
          'c1.weight': weights(8, 3, 1, 1),
          'c2.weight': weights(2, 4, 1, 1),
          parts: ints(3, 5),
          w3: weights(4, 5, 1, 1),
          w4: weights(4, 3, 1, 1),
        },
        nodes: [
          ['Conv', ['x', 'c1.weight'], ['a']],
          ['Split', ['a', 'parts'], ['p', 'q'], { axis: 1 }],
          ['Conv', ['q', 'w3'], ['r']],
          ['Conv', ['p', 'w4'], ['s']],
          ['Add', ['r', 's'], ['t']],
          ['Conv', ['t', 'c2.weight'], ['y']],
        ],
        opset: 13,
      }),
    );
    expect(units(mutator)).toEqual(['c1_(0, 3)_3', 'c1_(3, 8)_5', 'r_(0, 4)_4']);
    const parts = proto.initializer.find((t) => t.name === 'parts')!;
    expect([...new BigInt64Array(parts.rawData.slice().buffer)]).toEqual([1n, 2n]);
  });

  test('shuffled channels, with the batch merged into an axis', async () => {
    const { mutator } = await prune(
      onnxBytes({
        inputs: { x: [1, 3, 4, 4] },
        outputs: { y: [1, 2, 4, 4] },
        weights: {
          'c1.weight': weights(8, 3, 1, 1),
          'c2.weight': weights(2, 4, 1, 1),
          one: ints(4, 2, 16),
          two: ints(2, -1, 4, 4, 4),
          at: tensor('int64', [], [1]),
        },
        nodes: [
          ['Conv', ['x', 'c1.weight'], ['a']],
          ['Reshape', ['a', 'one'], ['b']],
          ['Transpose', ['b'], ['c'], { perm: [1, 0, 2] }],
          ['Reshape', ['c', 'two'], ['d']],
          ['Gather', ['d', 'at'], ['e'], { axis: 0 }],
          ['Conv', ['e', 'c2.weight'], ['y']],
        ],
        values: { b: [4, 2, 16] },
      }),
    );
    expect(units(mutator).length).toBe(1);
  });

  test('a learned token beside the features of each sample', async () => {
    const { model } = await prune(
      onnxBytes({
        inputs: { x: [1, 4, 6] },
        outputs: { y: [1, 5, 3] },
        weights: { token: weights(1, 1, 8), 'in.weight': weights(6, 8), 'out.weight': weights(8, 3) },
        nodes: [
          ['MatMul', ['x', 'in.weight'], ['a']],
          ['Concat', ['token', 'a'], ['b'], { axis: 1 }],
          ['MatMul', ['b', 'out.weight'], ['y']],
        ],
      }),
    );
    expect(getSpec(model.graph, 'x').shape[0]).toBe('N');
  });
});
