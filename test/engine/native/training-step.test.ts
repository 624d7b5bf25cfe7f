import { describe, expect, test } from 'vitest';
import { createTrainingStep } from '../../../src/autodiff/index.js';
import { createNativeEngine, findUnsupported } from '../../../src/engine/native/index.js';
import { evaluateGraph } from '../../../src/graph/evaluate.js';
import { scalar, toRef } from '../../../src/graph/tensor.js';
import { expectClose } from '../agreement.js';
import { Random } from '../random.js';
import { smallNetwork, tinyNetwork } from '../small-network.js';
import { ADAM, batch, initialFeeds, SGD } from '../training-feeds.js';
import { describeNative } from './native-addon.js';

describeNative('a whole training step', (addon) => {
  describe.each([SGD, ADAM])('with $type', (optimizer) => {
    const engine = createNativeEngine(addon, { threads: 2 });

    test('agrees with the float64 reference in every output, at two batch sizes', async () => {
      const random = new Random(7);
      const graph = smallNetwork(random);
      const step = createTrainingStep(graph, { loss: 'cross_entropy', labels: 'index', optimizer });
      expect(findUnsupported(step.graph)).toBeUndefined();
      const compiled = await engine.compile(step.graph);
      for (const size of [5, 8]) {
        const { x, labels } = batch(random, size);
        const feeds = initialFeeds(graph, step, 0.01).set('x', x).set(step.labels, labels);
        const found = await compiled.run(feeds);
        const expected = evaluateGraph(step.graph, new Map([...feeds].map(([id, t]) => [id, toRef(t)])));
        expect([...found.keys()]).toEqual(step.graph.outputs.map((o) => o.name));
        for (const [name, t] of expected) expectClose(name, found.get(name)!, t, 1e-4);
      }
      await compiled.release();
    });

    test('twenty steps reduce the loss, and end in the same bits when they are repeated', async () => {
      const train = async () => {
        const random = new Random(8);
        const graph = tinyNetwork(random);
        const step = createTrainingStep(graph, { loss: 'cross_entropy', labels: 'index', optimizer });
        const compiled = await createNativeEngine(addon, { threads: 2 }).compile(step.graph);
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
        return { losses, weights: step.parameters.map(({ input }) => feeds.get(input)!.data) };
      };
      const first = await train();
      const mean = (values: number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
      expect(mean(first.losses.slice(-3))).toBeLessThan(0.5 * mean(first.losses.slice(0, 3)));
      expect(await train()).toEqual(first);
    });
  });
});
