import { describe, expect, test } from 'vitest';
import { createSynthesisStep, createTrainingStep } from '../../../src/autodiff/index.js';
import { evaluateGraph } from '../../../src/graph/evaluate.js';
import { getSpec } from '../../../src/graph/graph.js';
import { elementCount, scalar, type Tensor, toRef } from '../../../src/graph/tensor.js';
import { expectClose } from '../agreement.js';
import { Random } from '../random.js';
import { smallNetwork, tinyNetwork } from '../small-network.js';
import { ADAM, batch, initialFeeds, SGD } from '../training-feeds.js';
import { countTensors, type EngineUnderTest } from './engine-under-test.js';

/** Whole training steps agree with the float64 reference, and training trains. */
export function testTrainingSteps(under: EngineUnderTest): void {
  describe.each([SGD, ADAM])('a training step with $type', (optimizer) => {
    test('agrees with the float64 reference in every output, at two batch sizes in one session', async () => {
      const engine = await under.open();
      const before = countTensors(under);
      const random = new Random(7);
      const graph = smallNetwork(random);
      const step = createTrainingStep(graph, { loss: 'cross_entropy', labels: 'index', optimizer });
      const compiled = await engine.compile(step.graph);
      for (const size of [5, 8]) {
        const { x, labels } = batch(random, size);
        const feeds = initialFeeds(graph, step, 0.01).set('x', x).set(step.labels, labels);
        const held = countTensors(under);
        const found = await compiled.run(feeds);
        // Constants keep the layouts that they were converted to at first.
        if (size === 8) expect(countTensors(under)).toBe(held);
        const expected = evaluateGraph(step.graph, new Map([...feeds].map(([id, t]) => [id, toRef(t)])));
        expect([...found.keys()]).toEqual(step.graph.outputs.map((o) => o.name));
        for (const [name, t] of expected) expectClose(name, found.get(name)!, t, 1e-4);
      }
      await compiled.release();
      expect(countTensors(under)).toBe(before);
    });

    test('twenty of them reduce the loss', async () => {
      const engine = await under.open();
      const random = new Random(8);
      const graph = tinyNetwork(random);
      const step = createTrainingStep(graph, { loss: 'cross_entropy', labels: 'index', optimizer });
      const compiled = await engine.compile(step.graph);
      const feeds = initialFeeds(graph, step, 0.01);
      const losses: number[] = [];
      for (let i = 1; i <= 20; i++) {
        const { x, labels } = batch(random, 32);
        feeds.set('x', x).set(step.labels, labels);
        if (step.step) feeds.set(step.step, scalar('float32', i));
        const results = await compiled.run(feeds);
        losses.push(results.get(step.lossOutput)!.data[0] as number);
        for (const { input, output } of [...step.parameters, ...step.statistics, ...step.slots]) {
          feeds.set(input, results.get(output)!);
        }
      }
      await compiled.release();
      const mean = (values: number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
      expect(mean(losses.slice(-3))).toBeLessThan(0.5 * mean(losses.slice(0, 3)));
    });
  });

  // Plain descent: Adam's first step is as long for a gradient that is all rounding.
  test('a synthesis step agrees with the float64 reference', async () => {
    const engine = await under.open();
    const before = countTensors(under);
    const random = new Random(9);
    const step = createSynthesisStep(smallNetwork(random), { optimizer: SGD });
    const compiled = await engine.compile(step.graph);
    for (const size of [4, 7]) {
      const [{ input, low, high, slots }] = step.samples;
      const filled = (id: string, of: () => number): Tensor => {
        const shape = getSpec(step.graph, id).shape.map((dim) => (typeof dim === 'number' ? dim : size));
        return { dtype: 'float32', shape, data: Float32Array.from({ length: elementCount(shape) }, of) };
      };
      const feeds = new Map([
        [input, filled(input, () => random.unit())],
        [low, filled(low, () => 0)],
        [high, filled(high, () => 1)],
        [slots[0].input, filled(slots[0].input, () => 0)],
        [step.learningRate, scalar('float32', 0.1)],
      ]);
      const found = await compiled.run(feeds);
      const expected = evaluateGraph(step.graph, new Map([...feeds].map(([id, t]) => [id, toRef(t)])));
      expect([...found.keys()]).toEqual(step.graph.outputs.map((o) => o.name));
      for (const [name, t] of expected) expectClose(name, found.get(name)!, t, 1e-4);
    }
    await compiled.release();
    expect(countTensors(under)).toBe(before);
  });
}
