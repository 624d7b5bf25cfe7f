import { expect, test } from 'vitest';
import { fuse } from '../../../../src/engine/native/plan/fusions/index.js';
import { cutIntoSteps } from '../../../../src/engine/native/plan/steps.js';
import { GraphBuilder } from '../../../../src/graph/builder.js';
import { bindShapes } from '../../../../src/graph/passes/reinfer.js';
import { tensor } from '../../../../src/graph/tensor.js';

const float = (...shape: (number | string)[]) => ({ dtype: 'float32' as const, shape });

/** The ops of each step. */
function stepsOf(b: GraphBuilder, shapes: Record<string, number[]>): string[] {
  const steps = cutIntoSteps(fuse(bindShapes(b.build(), shapes)));
  return steps.map((step) => (step.kind === 'map' ? step.nodes.map(({ op }) => op).join('+') : step.node.op));
}

test('a chain of elementwise nodes, and branches of it, are one step', () => {
  const b = new GraphBuilder('chain');
  const x = b.input('x', float('N', 4));
  const scaled = b.op('Mul', [x, b.input('s', float(4))]);
  b.output('y', b.op('Add', [b.op('Tanh', [scaled]), b.op('Sigmoid', [scaled])]));
  expect(stepsOf(b, { x: [2, 4], s: [4] })).toEqual(['Mul+Tanh+Sigmoid+Add']);
});

test('nodes are not joined around one that stands between them', () => {
  const b = new GraphBuilder('between');
  const x = b.input('x', float('N', 4));
  const first = b.op('Exp', [x]);
  const sum = b.op('ReduceSum', [first], { axes: [1], keepdims: 1 });
  b.output('y', b.op('Div', [first, sum]));
  expect(stepsOf(b, { x: [2, 4] })).toEqual(['Exp', 'ReduceSum', 'Div']);
});

test('nor are two that each wait for something of the other', () => {
  const b = new GraphBuilder('crossed');
  const x = b.input('x', float('N', 4));
  const [p, q] = [b.op('Exp', [x]), b.op('Tanh', [b.input('z', float('N', 4))])];
  const [sumP, sumQ] = [p, q].map((v) => b.op('Softmax', [v]));
  b.output('a', b.op('Add', [p, sumQ]));
  b.output('b', b.op('Mul', [q, sumP]));
  expect(stepsOf(b, { x: [2, 4], z: [2, 4] })).toEqual(['Tanh', 'Softmax', 'Exp+Add', 'Softmax', 'Mul']);
});

test('a residual block is two nodes forward', () => {
  const b = new GraphBuilder('block');
  const x = b.input('x', float('N', 2, 4, 4));
  const vector = (id: string) => b.input(id, float(2));
  const conv = b.op('Conv', [x, b.constant('w', tensor('float32', [2, 2, 1, 1], [1, 2, 3, 4]), 'parameter')]);
  const [y] = b.ops('BatchNormalizationTraining', [conv, vector('s'), vector('t')], {}, { outputs: 3 });
  b.output('y', b.op('Relu', [b.op('Add', [y, x])]));
  expect(stepsOf(b, { x: [2, 2, 4, 4], s: [2], t: [2] })).toEqual(['Conv', 'BatchNormalizationTraining']);
});

test("the gradient of a rectifier is part of the norm's, and what else reads it reads a result of that", () => {
  const b = new GraphBuilder('backward');
  const [dy, y, x] = ['dy', 'y', 'x'].map((id) => b.input(id, float('N', 2, 4, 4)));
  const vectors = ['scale', 'mean', 'variance'].map((id) => b.input(id, float(2)));
  const rectified = b.op('ReluGrad', [dy, y]);
  const [dx] = b.ops('BatchNormalizationGrad', [rectified, x, ...vectors], {}, { outputs: 3 });
  b.output('dx', dx);
  b.output('branch', b.op('Neg', [rectified]));
  const plane = [2, 2, 4, 4];
  const shapes = { dy: plane, y: plane, x: plane, scale: [2], mean: [2], variance: [2] };
  expect(stepsOf(b, shapes)).toEqual(['BatchNormalizationGrad', 'Neg']);
});

test('a clip whose gradient needs its input is fused, as the gradient reads its output', () => {
  const b = new GraphBuilder('relu6');
  const [x, dy] = ['x', 'dy'].map((id) => b.input(id, float('N', 2, 4, 4)));
  const conv = b.op('Conv', [x, b.constant('w', tensor('float32', [2, 2, 1, 1], [1, 2, 3, 4]), 'parameter')]);
  const bounds = { min: 0, max: 6 };
  b.output('y', b.op('Clip', [conv], bounds));
  b.output('dx', b.op('ClipGrad', [dy, conv], bounds));
  const plane = [2, 2, 4, 4];
  expect(stepsOf(b, { x: plane, dy: plane })).toEqual(['Conv', 'ClipGrad']);
});
