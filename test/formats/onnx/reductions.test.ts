/** Reductions that are made of several ops: the graph's float64 reference against onnxruntime on the file. */
import { expect, test } from 'vitest';
import { evaluateGraph } from '../../../src/graph/evaluate.js';
import { tensor, toRef } from '../../../src/graph/tensor.js';
import { readOnnxBytes } from '../../support/onnx-files.js';
import { onnxBytes } from './onnx-models.js';
import { runBytes } from './prune-file.js';

test.each([0, 1])('ReduceLogSumExp of numbers whose exponentials are infinite, keepdims %i', async (keepdims) => {
  const bytes = onnxBytes({
    inputs: { x: ['N', 3, 4] },
    outputs: { y: ['N', 'a', 'b'].slice(0, 2 + keepdims) },
    weights: {},
    nodes: [['ReduceLogSumExp', ['x'], ['y'], { axes: [1], keepdims }]],
    opset: 13,
  });
  const x = tensor(
    'float32',
    [2, 3, 4],
    Float32Array.from({ length: 24 }, (_, i) => 900 * Math.sin(i)),
  );
  const [want] = [...(await runBytes(bytes, new Map([['x', x]]))).values()];
  const { graph } = await readOnnxBytes(bytes);
  const found = evaluateGraph(graph, new Map([[graph.inputs[0], toRef(x)]])).get('y')!;
  expect(found.shape).toEqual(want.shape);
  for (const [i, value] of [...found.data].entries()) expect(value).toBeCloseTo(Number(want.data[i]), 3);
});
