import { describe, expect, test } from 'vitest';
import { createEvaluationStep, createTrainingStep, type OptimizerSpec } from '../../src/autodiff/index.js';
import { GraphBuilder } from '../../src/graph/builder.js';
import { evaluateGraph } from '../../src/graph/evaluate.js';
import { toRef } from '../../src/graph/tensor.js';
import { verify } from '../../src/graph/verify.js';
import { PLAIN, randomFeeds, scalarFeed } from './finite-differences.js';
import { layers } from './nets.js';

/** Constants of the step are float32, so formulas agree to about 1e-7 relative; five steps, absolute. */
const DIGITS = 7;
const STEPS = 5;
const LEARNING_RATE = 0.1;

function denseNet() {
  const b = new GraphBuilder('dense');
  const x = b.input('x', { dtype: 'float32', shape: ['N', 4] });
  b.output('y', layers(b, 6).dense('d', x, 3));
  return b.build();
}

type Gradient = (weights: ReadonlyMap<string, Float64Array>) => Map<string, Float64Array>;
type Loop = (gradient: Gradient, weights: Map<string, Float64Array>) => void;

/** Runs the step graph for some steps, and a loop written by hand on gradients from a plain step; returns both ends. */
function race(optimizer: OptimizerSpec, byHand: Loop) {
  const graph = denseNet();
  const step = createTrainingStep(graph, { ...PLAIN, optimizer });
  verify(step.graph);
  const feeds = randomFeeds(graph, step, 6, 2).set(step.learningRate, scalarFeed(LEARNING_RATE));

  const plain = createTrainingStep(graph, PLAIN);
  const gradient: Gradient = (weights) => {
    const at = new Map([...feeds].filter(([id]) => plain.graph.inputs.includes(id)));
    at.set(plain.learningRate, scalarFeed(1));
    for (const { input, constant } of plain.parameters) {
      at.set(input, { ...feeds.get(input)!, data: weights.get(constant)! });
    }
    const results = evaluateGraph(plain.graph, at);
    return new Map(
      plain.parameters.map(({ input, output, constant }) => {
        const after = results.get(output)!.data;
        return [constant, at.get(input)!.data.map((before, i) => before - after[i])];
      }),
    );
  };
  const weights = new Map(
    step.parameters.map((p) => [p.constant, toRef(graph.constants.get(p.constant)!.tensor).data]),
  );
  byHand(gradient, weights);

  for (let t = 1; t <= STEPS; t++) {
    if (step.step) feeds.set(step.step, scalarFeed(t));
    const results = evaluateGraph(step.graph, feeds);
    for (const { input, output } of [...step.parameters, ...step.slots]) feeds.set(input, results.get(output)!);
  }
  for (const { input, constant } of step.parameters) {
    feeds.get(input)!.data.forEach((value, i) => {
      expect(value, `${constant}[${i}]`).toBeCloseTo(weights.get(constant)![i], DIGITS);
    });
  }
  return step;
}

const decayOf = (constant: string, weightDecay: number): number => (constant.endsWith('bias') ? 0 : weightDecay);

describe('optimizers equal loops written by hand', () => {
  test.each([
    [0, 0],
    [0.9, 0],
    [0.9, 0.05],
    [0, 0.05],
  ])('SGD with momentum %d and weight decay %d', (momentum, weightDecay) => {
    const step = race({ type: 'sgd', momentum, weightDecay }, (gradient, weights) => {
      const velocity = new Map([...weights].map(([id, w]) => [id, new Float64Array(w.length)]));
      for (let t = 1; t <= STEPS; t++) {
        for (const [id, g] of gradient(weights)) {
          const w = weights.get(id)!;
          const v = velocity.get(id)!;
          for (let i = 0; i < w.length; i++) {
            v[i] = momentum * v[i] + g[i] + decayOf(id, weightDecay) * w[i];
            w[i] -= LEARNING_RATE * v[i];
          }
        }
      }
    });
    expect(step.slots.map((s) => s.slot)).toEqual(momentum === 0 ? [] : ['momentum', 'momentum']);
    expect(step.step).toBeUndefined();
  });

  test.each([
    [0.9, 0.999, 0],
    [0.9, 0.999, 0.05],
    [0, 0.9, 0],
  ])('Adam with betas %d and %d and weight decay %d', (beta1, beta2, weightDecay) => {
    const epsilon = 1e-3;
    const step = race({ type: 'adam', beta1, beta2, epsilon, weightDecay }, (gradient, weights) => {
      const zeros = () => new Map([...weights].map(([id, w]) => [id, new Float64Array(w.length)]));
      const [first, second] = [zeros(), zeros()];
      for (let t = 1; t <= STEPS; t++) {
        for (const [id, g] of gradient(weights)) {
          const w = weights.get(id)!;
          const [m, v] = [first.get(id)!, second.get(id)!];
          for (let i = 0; i < w.length; i++) {
            const total = g[i] + decayOf(id, weightDecay) * w[i];
            m[i] = beta1 * m[i] + (1 - beta1) * total;
            v[i] = beta2 * v[i] + (1 - beta2) * total * total;
            w[i] -= (LEARNING_RATE * (m[i] / (1 - beta1 ** t))) / (Math.sqrt(v[i] / (1 - beta2 ** t)) + epsilon);
          }
        }
      }
    });
    expect(step.slots.map((s) => s.slot)).toEqual(['m', 'v', 'm', 'v']);
    expect(step.step).toBeDefined();
  });

  test.each([0, 0.05])('AdamW with weight decay %d', (weightDecay) => {
    const [beta1, beta2, epsilon] = [0.9, 0.99, 1e-3];
    race({ type: 'adamw', beta1, beta2, epsilon, weightDecay }, (gradient, weights) => {
      const zeros = () => new Map([...weights].map(([id, w]) => [id, new Float64Array(w.length)]));
      const [first, second] = [zeros(), zeros()];
      for (let t = 1; t <= STEPS; t++) {
        for (const [id, g] of gradient(weights)) {
          const w = weights.get(id)!;
          const [m, v] = [first.get(id)!, second.get(id)!];
          for (let i = 0; i < w.length; i++) {
            m[i] = beta1 * m[i] + (1 - beta1) * g[i];
            v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
            w[i] *= 1 - LEARNING_RATE * decayOf(id, weightDecay);
            w[i] -= (LEARNING_RATE * (m[i] / (1 - beta1 ** t))) / (Math.sqrt(v[i] / (1 - beta2 ** t)) + epsilon);
          }
        }
      }
    });
  });

  test.each([
    [0, 0],
    [0.8, 0.05],
  ])('RMSprop with momentum %d and weight decay %d', (momentum, weightDecay) => {
    const [rho, epsilon] = [0.9, 1e-2];
    const step = race({ type: 'rmsprop', rho, momentum, epsilon, weightDecay }, (gradient, weights) => {
      const zeros = () => new Map([...weights].map(([id, w]) => [id, new Float64Array(w.length)]));
      const [squares, buffers] = [zeros(), zeros()];
      for (let t = 1; t <= STEPS; t++) {
        for (const [id, g] of gradient(weights)) {
          const w = weights.get(id)!;
          const [v, buffer] = [squares.get(id)!, buffers.get(id)!];
          for (let i = 0; i < w.length; i++) {
            const total = g[i] + decayOf(id, weightDecay) * w[i];
            v[i] = rho * v[i] + (1 - rho) * total * total;
            buffer[i] = momentum * buffer[i] + total / (Math.sqrt(v[i]) + epsilon);
            w[i] -= LEARNING_RATE * buffer[i];
          }
        }
      }
    });
    expect(new Set(step.slots.map((s) => s.slot))).toEqual(new Set(momentum === 0 ? ['v'] : ['v', 'momentum']));
  });
});

describe('what goes around the optimizer', () => {
  const SGD: OptimizerSpec = { type: 'sgd', momentum: 0, weightDecay: 0 };
  const gradientsOf = (extra: object) => {
    const graph = denseNet();
    const step = createTrainingStep(graph, { ...PLAIN, ...extra });
    const feeds = randomFeeds(graph, step, 6, 2);
    const results = evaluateGraph(step.graph, feeds);
    return step.parameters.flatMap(({ input, output }) =>
      [...feeds.get(input)!.data].map((before, i) => before - results.get(output)!.data[i]),
    );
  };
  const norm = (values: number[]): number => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));

  test('gradients are scaled down to the norm that is asked for, all of them by one factor', () => {
    const plain = gradientsOf({});
    const clipped = gradientsOf({ clipNorm: norm(plain) / 4 });
    clipped.forEach((value, i) => {
      expect(value).toBeCloseTo(plain[i] / 4, 6);
    });
    expect(norm(clipped)).toBeLessThan(norm(plain) / 4);
    expect(gradientsOf({ clipNorm: norm(plain) * 1.01 })).toEqual(plain);
  });

  test('averages begin at the weights and follow them, running statistics too', () => {
    const b = new GraphBuilder('normed');
    const x = b.input('x', { dtype: 'float32', shape: ['N', 4] });
    const { dense, norm: batchNorm } = layers(b, 6);
    b.output('y', dense('d', batchNorm('bn', x), 3));
    const graph = b.build();
    const step = createTrainingStep(graph, { ...PLAIN, optimizer: SGD, averages: true });
    const averages = step.slots.filter(({ slot }) => slot === 'average');
    expect(averages.map((a) => a.constant).sort()).toEqual(
      [...step.parameters, ...step.statistics].map((p) => p.constant).sort(),
    );
    const feeds = randomFeeds(graph, step, 6, 2).set(step.averaging!, scalarFeed(0.75));
    const results = evaluateGraph(step.graph, feeds);
    for (const { constant, output } of averages) {
      const { input, output: updated } = [...step.parameters, ...step.statistics].find((p) => p.constant === constant)!;
      results.get(output)!.data.forEach((value, i) => {
        expect(value).toBeCloseTo(0.75 * feeds.get(input)!.data[i] + 0.25 * results.get(updated)!.data[i], 10);
      });
    }
  });

  test('frozen layers have no bindings, and their norms use running statistics', () => {
    const b = new GraphBuilder('frozen');
    const x = b.input('x', { dtype: 'float32', shape: ['N', 4] });
    const { dense, norm: batchNorm } = layers(b, 6);
    b.output('y', dense('free', batchNorm('ice_bn', dense('ice', x, 4)), 3));
    const built = b.build();
    const frozen = (id: string) => id.startsWith('ice');
    const constants = new Map([...built.constants].map(([id, c]) => [id, frozen(id) ? { ...c, frozen: true } : c]));
    const graph = { ...built, constants };
    const step = createTrainingStep(graph, { ...PLAIN, averages: true });
    verify(step.graph);
    expect(step.parameters.map((p) => p.constant)).toEqual(['free/kernel', 'free/bias']);
    expect(step.statistics).toEqual([]);
    expect(step.graph.nodes.some((n) => n.op.startsWith('BatchNormalization'))).toBe(false);
    const feeds = randomFeeds(graph, step, 3, 1);
    const { loss } = { loss: evaluateGraph(step.graph, feeds).get(step.lossOutput)!.data[0] };
    const evaluation = createEvaluationStep(graph, PLAIN);
    const same = new Map([...feeds].filter(([id]) => evaluation.graph.inputs.includes(id)));
    const inference = evaluateGraph(evaluation.graph, same).get(evaluation.lossSumOutput)!.data[0] / 3;
    expect(loss).toBeCloseTo(inference, 6);
    const all = new Map([...built.constants].map(([id, c]) => [id, { ...c, frozen: true }]));
    expect(() => createTrainingStep({ ...built, constants: all }, PLAIN)).toThrow('every layer of the model is frozen');
  });
});
