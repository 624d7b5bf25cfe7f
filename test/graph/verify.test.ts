import { describe, expect, test } from 'vitest';
import type { Constant, Graph, Node, TensorSpec } from '../../src/graph/graph.js';
import { tensor } from '../../src/graph/tensor.js';
import { verify } from '../../src/graph/verify.js';
import { residualGraph } from './residual-graph.js';

const valid = residualGraph();
const withNode = (layer: string, change: Partial<Node>): Graph => ({
  ...valid,
  nodes: valid.nodes.map((node) => (node.layer === layer ? { ...node, ...change } : node)),
});
const withValue = (id: string, spec: TensorSpec): Graph => ({ ...valid, values: new Map(valid.values).set(id, spec) });
const withConstant = (id: string, constant: Constant): Graph => ({
  ...valid,
  constants: new Map(valid.constants).set(id, constant),
});
const without = <V>(map: ReadonlyMap<string, V>, key: string) => new Map([...map].filter(([k]) => k !== key));
const outputOf = (layer: string) => valid.nodes.find((node) => node.layer === layer)!.outputs[0];

describe('verify', () => {
  test('accepts a valid graph', () => {
    expect(() => verify(valid)).not.toThrow();
  });

  test.each<[string, Graph, string]>([
    ['two nodes of one name', withNode('conv2', { name: 'conv1/Conv' }), 'two nodes are named conv1/Conv'],
    ['two producers of a value', withNode('conv2', { outputs: [outputOf('conv1')] }), 'defines value conv1/Conv:0'],
    ['a value from nowhere', withNode('add', { inputs: ['ghost', 'x'] }), 'add/Add reads ghost which does not exist'],
    [
      'nodes out of order',
      { ...valid, nodes: valid.nodes.toReversed() },
      'node conv2/Conv reads relu6/Clip:0 before node relu6/Clip produces it',
    ],
    [
      'a cycle',
      withNode('bn', { inputs: [outputOf('add'), 'scale', 'shift', 'mean', 'var'] }),
      'node bn/BatchNormalization reads add/Add:0 before node add/Add produces it',
    ],
    ['too few inputs', withNode('add', { inputs: ['x'] }), 'node add/Add: Add add: takes 2 inputs, got 1'],
    ['a second output', withNode('add', { outputs: [outputOf('add'), 'more'] }), 'has 1 outputs, 2 are named'],
    ['an unknown op', withNode('add', { op: 'Wobble' }), 'node add/Add: unknown op Wobble'],
    ['a faulty attribute', withNode('conv1', { attrs: { group: 3 } }), 'node conv1/Conv: Conv conv1: x has 2 channels'],
    [
      'a stale shape',
      withValue('conv1/Conv:0', { dtype: 'float32', shape: ['N', 5, 4, 4] }),
      'output conv1/Conv:0 of node conv1/Conv is recorded as float32 [N, 5, 4, 4], inferred float32 [N, 4, 4, 4]',
    ],
    [
      'a missing spec',
      { ...valid, values: without(valid.values, 'add/Add:0') },
      'output add/Add:0 of node add/Add is recorded as nothing',
    ],
    [
      'a spec that nothing defines',
      withValue('ghost', { dtype: 'float32', shape: [1] }),
      'value ghost has a spec and nothing defines it',
    ],
    [
      'a constant unlike its spec',
      withConstant('b1', { tensor: tensor('float32', [3], [1, 2, 3]), role: 'parameter' }),
      'constant b1 is float32 [3], its spec says float32 [4]',
    ],
    [
      'a constant without its data',
      withConstant('b1', { tensor: { dtype: 'float32', shape: [4], data: new Float32Array(3) }, role: 'parameter' }),
      'constant b1 of shape [4] holds 3 elements',
    ],
    ['a constant without a spec', { ...valid, values: without(valid.values, 'b1') }, 'constant b1 has no spec'],
    ['an input without a spec', { ...valid, values: without(valid.values, 'x') }, 'input x has no spec'],
    [
      'an input that is a constant too',
      { ...valid, inputs: [...valid.inputs, 'w1'] },
      'the table of constants defines value w1, which exists already',
    ],
    [
      'an output of no value',
      { ...valid, outputs: [{ name: 'o', value: 'ghost' }] },
      'output o is value ghost, which does not exist',
    ],
    ['two outputs of one name', { ...valid, outputs: [valid.outputs[0], valid.outputs[0]] }, 'two outputs are named'],
    ['no outputs', { ...valid, outputs: [] }, 'there are no outputs'],
  ])('finds %s', (_, graph, fault) => {
    expect(() => verify(graph)).toThrow(fault);
  });

  test('lists all faults at once', () => {
    const graph = { ...withNode('conv1', { attrs: { group: 3 } }), outputs: [{ name: 'o', value: 'ghost' }] };
    expect(() => verify(graph)).toThrow(/conv1[\s\S]*ghost/);
  });
});
