import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.js';
import { graphCost } from '../../src/graph/cost.js';
import { tensor } from '../../src/graph/tensor.js';
import { residualGraph } from './residual-graph.js';

const zeros = (shape: number[]) => tensor('float32', shape, new Float32Array(shape.reduce((p, d) => p * d, 1)));

describe('graphCost', () => {
  const cost = graphCost(residualGraph());

  test('counts products of convolutions and dense layers as MACs', () => {
    const conv1 = 3 * 3 * 2 * 4 * 16;
    const conv2 = 3 * 3 * 4 * 4 * 16;
    expect(cost.macs).toBe(conv1 + conv2 + 4 * 3);
    expect(cost.perNode.get('conv1/Conv')?.macs).toBe(conv1);
    expect(cost.perNode.get('add/Add')).toEqual({ macs: 0, mmrazor: 0 });
  });

  test('counts by the table of the original: conv biases, norms twice, relu6 once, pools by their input', () => {
    const mmrazor = (name: string) => cost.perNode.get(name)?.mmrazor;
    expect(mmrazor('conv1/Conv')).toBe(3 * 3 * 2 * 4 * 16 + 4 * 16);
    expect(mmrazor('conv2/Conv')).toBe(3 * 3 * 4 * 4 * 16);
    expect(mmrazor('bn/BatchNormalization')).toBe(2 * 4 * 16);
    expect(mmrazor('relu6/Clip')).toBe(4 * 16);
    expect(mmrazor('pool/GlobalAveragePool')).toBe(4 * 16);
    expect(mmrazor('fc/Gemm')).toBe(12);
    expect(mmrazor('softmax/Softmax')).toBe(0);
    expect(cost.mmrazor).toBe(1152 + 64 + 2304 + 128 + 64 + 64 + 12);
  });

  test('counts weights and statistics as parameters, literals not', () => {
    expect(cost.parameters).toBe(72 + 4 + 4 * 4 + 144 + 12);
  });

  test('a shared layer costs at each call, its parameters count once', () => {
    const b = new GraphBuilder('shared');
    const x = b.input('x', { dtype: 'float32', shape: ['N', 4] });
    const w = b.constant('w', zeros([4, 4]), 'parameter');
    b.output('y', b.op('MatMul', [b.op('Gemm', [x, w]), w]));
    expect(graphCost(b.build())).toMatchObject({ macs: 32, mmrazor: 32, parameters: 16 });
  });

  test('groups, strides and spatial ranks', () => {
    const b = new GraphBuilder('kinds');
    const x = b.input('x', { dtype: 'float32', shape: ['N', 4, 8, 8] });
    const v = b.input('v', { dtype: 'float32', shape: ['N', 2, 4, 4, 4] });
    const depthwise = b.constant('dw', zeros([8, 1, 3, 3]), 'parameter');
    const grouped = b.constant('gw', zeros([6, 2, 1, 1]), 'parameter');
    const volume = b.constant('vw', zeros([3, 2, 2, 2, 2]), 'parameter');
    b.output('d', b.op('Conv', [x, depthwise], { group: 4, strides: [2, 2], pads: [1, 1, 1, 1] }, { name: 'd' }));
    b.output('g', b.op('Conv', [x, grouped], { group: 2 }, { name: 'g' }));
    b.output('v', b.op('Conv', [v, volume], {}, { name: 'volume' }));
    const { perNode } = graphCost(b.build());
    expect(perNode.get('d')?.macs).toBe(9 * 8 * 16);
    expect(perNode.get('g')?.macs).toBe(2 * 6 * 64);
    expect(perNode.get('volume')?.macs).toBe(8 * 2 * 3 * 27);
  });

  test('products of two activations are MACs, but the original does not count them', () => {
    const b = new GraphBuilder('attention');
    const q = b.input('q', { dtype: 'float32', shape: ['N', 5, 4] });
    const k = b.input('k', { dtype: 'float32', shape: ['N', 4, 6] });
    b.output('y', b.op('MatMul', [q, k]));
    expect(graphCost(b.build())).toMatchObject({ macs: 5 * 4 * 6, mmrazor: 0 });
  });
});
