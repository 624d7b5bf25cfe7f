import { describe, expect, test } from 'vitest';
import { EspalierError } from '../../../src/errors.js';
import { evaluateGraph } from '../../../src/graph/evaluate.js';
import { bindShapes, reinfer } from '../../../src/graph/passes/reinfer.js';
import { selectOutputs } from '../../../src/graph/passes/select-outputs.js';
import { gatherAxis } from '../../../src/graph/tensor.js';
import { verify } from '../../../src/graph/verify.js';
import { residualGraph } from '../residual-graph.js';
import { counting } from '../run-op.js';

const graph = residualGraph();
const feeds = new Map([
  ['x', counting([2, 2, 4, 4])],
  ['y', counting([2, 4])],
]);

describe('selectOutputs', () => {
  test('drops what only other outputs need: nodes, constants, inputs, values', () => {
    const features = selectOutputs(graph, ['features']);
    verify(features);
    expect(features.nodes.map((node) => node.layer)).toEqual(['conv1', 'bn', 'relu6', 'conv2', 'add']);
    expect(features.inputs).toEqual(['x']);
    expect([...features.constants.keys()]).toEqual(['w1', 'b1', 'scale', 'shift', 'mean', 'var', 'w2']);
    expect(features.values.has('w3')).toBe(false);
  });

  test('keeps what the kept outputs compute, in the order asked for', () => {
    const chosen = selectOutputs(graph, ['sum', 'probabilities', 'sum']);
    verify(chosen);
    const outputs = evaluateGraph(chosen, feeds);
    expect([...outputs.keys()]).toEqual(['sum', 'probabilities']);
    const all = evaluateGraph(graph, feeds);
    for (const [name, value] of outputs) expect(value).toEqual(all.get(name));
  });

  test('names the outputs that there are when asked for another', () => {
    const select = () => selectOutputs(graph, ['probability']);
    expect(select).toThrow('the model has no output probability; its outputs are probabilities, features, sum');
    expect(select).toThrow(expect.objectContaining({ code: 'OUTPUT_UNKNOWN' }));
    expect(() => selectOutputs(graph, [])).toThrow(EspalierError);
  });
});

describe('reinfer', () => {
  test('computes every spec anew from narrower constants', () => {
    const narrow = ['w1', 'b1', 'scale', 'shift', 'mean', 'var', 'w2', 'w3'];
    const constants = new Map(graph.constants);
    for (const id of narrow) {
      const constant = graph.constants.get(id)!;
      let tensor = gatherAxis(constant.tensor, 0, [0, 2, 3]);
      if (id === 'w2') tensor = gatherAxis(tensor, 1, [0, 2, 3]);
      constants.set(id, { ...constant, tensor });
    }
    const chosen = selectOutputs(graph, ['probabilities', 'features']);
    const sliced = reinfer(chosen, { constants: new Map([...constants].filter(([id]) => chosen.constants.has(id))) });
    verify(sliced);
    expect(sliced.values.get('add/Add:0')?.shape).toEqual(['N', 3, 4, 4]);
    expect(sliced.values.get('softmax/Softmax:0')?.shape).toEqual(['N', 3]);
  });

  test('names the first layer that no longer fits', () => {
    const constants = new Map(graph.constants);
    const w2 = graph.constants.get('w2')!;
    constants.set('w2', { ...w2, tensor: gatherAxis(w2.tensor, 1, [0, 1]) });
    expect(() => reinfer(graph, { constants })).toThrow('Conv conv2: x has 4 channels, W takes 2');
  });
});

describe('bindShapes', () => {
  test('infers for other extents', () => {
    const bound = bindShapes(graph, { x: [1, 2, 6, 5], y: [1, 4] });
    verify(bound);
    expect(bound.values.get('add/Add:0')?.shape).toEqual([1, 4, 6, 5]);
    expect(graph.values.get('add/Add:0')?.shape).toEqual(['N', 4, 4, 4]);
  });
  test('refuses unknown inputs, other axes, and extents that do not fit, by name', () => {
    expect(() => bindShapes(graph, { q: [1] })).toThrow('graph residual has no input q');
    expect(() => bindShapes(graph, { x: [1, 2] })).toThrow('input x has shape [N, 2, 4, 4], [1, 2] has other axes');
    expect(() => bindShapes(graph, { x: [1, 3, 4, 4] })).toThrow('Conv conv1: x has 3 channels');
  });
  test('refuses to leave a value open, by name', () => {
    expect(() => bindShapes(graph, {})).toThrow(
      'value x of graph residual has shape [N, 2, 4, 4], its extents must be',
    );
  });
});
