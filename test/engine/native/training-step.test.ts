import { describe, expect, test } from 'vitest';
import { createTrainingStep } from '../../../src/autodiff/index.js';
import { createNativeEngine } from '../../../src/engine/native/index.js';
import { scalar } from '../../../src/graph/tensor.js';
import { Random } from '../random.js';
import { tinyNetwork } from '../small-network.js';
import { ADAM, batch, initialFeeds, SGD } from '../training-feeds.js';
import { describeNative } from './native-addon.js';

describeNative('a whole training step', (addon) => {
  describe.each([SGD, ADAM])('with $type', (optimizer) => {
    test('twenty steps end in the same bits when they are repeated', async () => {
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
      expect(await train()).toEqual(first);
    });
  });
});
