/** Modules as exporters write them out: pruned to half, written, read again, run by onnxruntime. */
import { describe, expect, test } from 'vitest';
import { getSpec } from '../../../src/graph/graph.js';
import { tensor } from '../../../src/graph/tensor.js';
import { onnxBytes } from './onnx-models.js';
import { ints, units, weights } from './plain-net.js';
import { prune } from './prune-file.js';

describe('what exporters make of modules', () => {
  const scalarInt = (value: number) => tensor('int64', [], [value]);
  const one = (value: number) => tensor('float32', [], [value]);

  test('squeeze and excite through dense layers, whose shapes are computed', async () => {
    const { mutator } = await prune(
      onnxBytes({
        inputs: { x: ['b', 3, 6, 6] },
        outputs: { y: ['b', 2, 6, 6] },
        weights: {
          'c1.weight': weights(8, 3, 1, 1),
          'c2.weight': weights(2, 8, 1, 1),
          'fc1.weight': weights(4, 8),
          'fc2.weight': weights(8, 4),
          zero: scalarInt(0),
          first: scalarInt(1),
          ax: ints(0),
          one: ints(1),
        },
        nodes: [
          ['Conv', ['x', 'c1.weight'], ['a']],
          ['Shape', ['a'], ['s']],
          ['Gather', ['s', 'zero'], ['b0']],
          ['Gather', ['s', 'first'], ['c0']],
          ['GlobalAveragePool', ['a'], ['p']],
          ['Unsqueeze', ['b0', 'ax'], ['b1']],
          ['Unsqueeze', ['c0', 'ax'], ['c1']],
          ['Concat', ['b1', 'c1'], ['v'], { axis: 0 }],
          ['Reshape', ['p', 'v'], ['q']],
          ['Gemm', ['q', 'fc1.weight'], ['f'], { transB: 1 }],
          ['Relu', ['f'], ['g']],
          ['Gemm', ['g', 'fc2.weight'], ['h'], { transB: 1 }],
          ['Sigmoid', ['h'], ['i']],
          ['Concat', ['b1', 'c1', 'one', 'one'], ['w'], { axis: 0 }],
          ['Reshape', ['i', 'w'], ['j']],
          ['Mul', ['a', 'j'], ['k']],
          ['Conv', ['k', 'c2.weight'], ['y']],
        ],
      }),
      { batch: 2 },
    );
    expect(units(mutator)).toEqual(['c1_(0, 8)_8', 'fc1_(0, 4)_4']);
  });

  test('a layer norm spelled out, and the dense block behind it with its Gelu', async () => {
    const { mutator } = await prune(
      onnxBytes({
        inputs: { x: [1, 5, 6] },
        outputs: { y: [1, 5, 3] },
        weights: {
          'in.weight': weights(6, 8),
          gamma: weights(8),
          beta: weights(8),
          'fc1.weight': weights(8, 12),
          'fc1.bias': weights(12),
          'fc2.weight': weights(12, 8),
          'out.weight': weights(8, 3),
          two: one(2),
          eps: one(1e-5),
          root: one(Math.SQRT2),
          unit: one(1),
          half: one(0.5),
        },
        opset: 13,
        nodes: [
          ['MatMul', ['x', 'in.weight'], ['a']],
          ['ReduceMean', ['a'], ['m'], { axes: [-1] }],
          ['Sub', ['a', 'm'], ['d']],
          ['Pow', ['d', 'two'], ['d2']],
          ['ReduceMean', ['d2'], ['v'], { axes: [-1] }],
          ['Add', ['v', 'eps'], ['ve']],
          ['Sqrt', ['ve'], ['sd']],
          ['Div', ['d', 'sd'], ['n']],
          ['Mul', ['n', 'gamma'], ['ng']],
          ['Add', ['ng', 'beta'], ['ln']],
          ['MatMul', ['ln', 'fc1.weight'], ['f0']],
          ['Add', ['fc1.bias', 'f0'], ['f']],
          ['Div', ['f', 'root'], ['e0']],
          ['Erf', ['e0'], ['e1']],
          ['Add', ['e1', 'unit'], ['e2']],
          ['Mul', ['f', 'e2'], ['e3']],
          ['Mul', ['e3', 'half'], ['g']],
          ['MatMul', ['g', 'fc2.weight'], ['h']],
          ['Add', ['a', 'h'], ['r']],
          ['MatMul', ['r', 'out.weight'], ['y']],
        ],
      }),
    );
    expect(units(mutator)).toEqual(['in_(0, 8)_8', 'fc1_(0, 12)_12']);
  });

  test('attention of several heads over tokens runs, and its dense block is pruned', async () => {
    const { mutator } = await prune(
      onnxBytes({
        inputs: { x: [1, 5, 8] },
        outputs: { y: [1, 5, 8] },
        weights: {
          'qkv.weight': weights(8, 24),
          'proj.weight': weights(8, 8),
          'fc1.weight': weights(8, 12),
          'fc2.weight': weights(12, 8),
          to: ints(1, 5, 3, 2, 4),
          back: ints(1, 5, 8),
          scale: one(0.5),
          q: scalarInt(0),
          k: scalarInt(1),
          v: scalarInt(2),
        },
        nodes: [
          ['MatMul', ['x', 'qkv.weight'], ['a']],
          ['Reshape', ['a', 'to'], ['b']],
          ['Transpose', ['b'], ['c'], { perm: [2, 0, 3, 1, 4] }],
          ['Gather', ['c', 'q'], ['qq'], { axis: 0 }],
          ['Gather', ['c', 'k'], ['kk'], { axis: 0 }],
          ['Gather', ['c', 'v'], ['vv'], { axis: 0 }],
          ['Transpose', ['kk'], ['kt'], { perm: [0, 1, 3, 2] }],
          ['MatMul', ['qq', 'kt'], ['s0']],
          ['Mul', ['s0', 'scale'], ['s1']],
          ['Softmax', ['s1'], ['s2'], { axis: -1 }],
          ['MatMul', ['s2', 'vv'], ['o']],
          ['Transpose', ['o'], ['ot'], { perm: [0, 2, 1, 3] }],
          ['Reshape', ['ot', 'back'], ['or']],
          ['MatMul', ['or', 'proj.weight'], ['p']],
          ['Add', ['x', 'p'], ['r']],
          ['MatMul', ['r', 'fc1.weight'], ['f']],
          ['Relu', ['f'], ['g']],
          ['MatMul', ['g', 'fc2.weight'], ['h']],
          ['Add', ['r', 'h'], ['y']],
        ],
      }),
    );
    expect(units(mutator)).toContain('fc1_(0, 12)_12');
  });

  test('a group norm as an instance norm of reshaped groups', async () => {
    const { model } = await prune(
      onnxBytes({
        inputs: { x: [1, 3, 6, 6] },
        outputs: { y: [1, 2, 6, 6] },
        weights: {
          'c1.weight': weights(8, 3, 1, 1),
          'c2.weight': weights(2, 8, 1, 1),
          to: ints(0, 4, -1),
          back: ints(1, 8, 6, 6),
          ones: tensor('float32', [4], [1, 1, 1, 1]),
          zeros: tensor('float32', [4], [0, 0, 0, 0]),
          'gn.weight': weights(8, 1, 1),
          'gn.bias': weights(8, 1, 1),
        },
        nodes: [
          ['Conv', ['x', 'c1.weight'], ['a']],
          ['Reshape', ['a', 'to'], ['b']],
          ['InstanceNormalization', ['b', 'ones', 'zeros'], ['c'], { epsilon: { float: 1e-5 } }],
          ['Reshape', ['c', 'back'], ['d']],
          ['Mul', ['d', 'gn.weight'], ['e']],
          ['Add', ['e', 'gn.bias'], ['f']],
          ['Conv', ['f', 'c2.weight'], ['y']],
        ],
      }),
    );
    expect(getSpec(model.graph, 'x').shape[0]).toBe('N');
  });

  test('an upsampling decoder: transposed convolution, resize by sizes, pixel shuffle, concatenation', async () => {
    const { mutator, proto } = await prune(
      onnxBytes({
        inputs: { x: [1, 3, 4, 4] },
        outputs: { y: [1, 2, 8, 8] },
        weights: {
          'c1.weight': weights(8, 3, 1, 1),
          'up.weight': weights(8, 6, 2, 2),
          'c2.weight': weights(16, 8, 1, 1),
          'c3.weight': weights(2, 18, 1, 1),
          sizes: ints(1, 8, 8, 8),
        },
        nodes: [
          ['Conv', ['x', 'c1.weight'], ['a']],
          ['ConvTranspose', ['a', 'up.weight'], ['b'], { strides: [2, 2] }],
          [
            'Resize',
            ['a', '', '', 'sizes'],
            ['c'],
            { mode: 'nearest', nearest_mode: 'floor', coordinate_transformation_mode: 'asymmetric' },
          ],
          ['Conv', ['a', 'c2.weight'], ['d']],
          ['DepthToSpace', ['d'], ['e'], { blocksize: 2, mode: 'CRD' }],
          ['Concat', ['b', 'c', 'e'], ['f'], { axis: 1 }],
          ['Conv', ['f', 'c3.weight'], ['y']],
        ],
      }),
    );
    expect(units(mutator).length).toBeGreaterThanOrEqual(3);
    const sizes = proto.initializer.find((t) => t.name === 'sizes')!;
    expect([...new BigInt64Array(sizes.rawData.slice().buffer)]).toEqual([1n, 4n, 8n, 8n]);
  });
});
