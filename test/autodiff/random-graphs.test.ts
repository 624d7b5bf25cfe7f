import fc from 'fast-check';
import { expect, test } from 'vitest';
import { withoutDeadCode } from '../../src/autodiff/ancestors.js';
import { createTrainingStep } from '../../src/autodiff/index.js';
import { evaluateGraph } from '../../src/graph/evaluate.js';
import type { RefTensor } from '../../src/graph/tensor.js';
import { verify } from '../../src/graph/verify.js';
import { classifierGraph } from '../support/random-graphs.js';
import { seededRandom } from '../support/seeded-random.js';
import { PLAIN, randomFeeds } from './finite-differences.js';

/** Small, so that hardly a ReLU or a maximum of these networks switches between the two points. */
const EPSILON = 1e-6;

/** Of the slope along a random direction in the space of all parameters, by central differences in float64. */
const TOLERANCE = 1e-5;

test('random networks: the slope along a random direction is what the gradient says', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e6 }), (seed) => {
      const graph = classifierGraph(seed);
      const step = createTrainingStep(graph, { ...PLAIN, output: graph.outputs[0].name });
      verify(step.graph);
      const feeds = randomFeeds(graph, step, 3, seed);
      const results = evaluateGraph(step.graph, feeds);
      const random = seededRandom(seed + 1);
      const directions = new Map(
        step.parameters.map((p) => [p.input, feeds.get(p.input)!.data.map(() => random() - 0.5)]),
      );
      let slope = 0;
      let size = 0;
      for (const { input, output } of step.parameters) {
        const after = results.get(output)!.data;
        feeds.get(input)!.data.forEach((before, i) => {
          slope += (before - after[i]) * directions.get(input)![i];
          size += Math.abs((before - after[i]) * directions.get(input)![i]);
        });
      }
      const lossOnly = withoutDeadCode({ ...step.graph, outputs: [step.graph.outputs[0]] });
      const lossAt = (distance: number): number => {
        const moved = new Map<string, RefTensor>(feeds);
        for (const [input, direction] of directions) {
          const base = feeds.get(input)!;
          moved.set(input, { ...base, data: base.data.map((v, i) => v + distance * direction[i]) });
        }
        return evaluateGraph(lossOnly, moved).get(step.lossOutput)!.data[0];
      };
      const difference = (lossAt(EPSILON) - lossAt(-EPSILON)) / (2 * EPSILON);
      expect(Number.isFinite(slope)).toBe(true);
      expect(Math.abs(slope - difference)).toBeLessThan(TOLERANCE * Math.max(size, 1e-3));
    }),
    { numRuns: 40, seed: 30 },
  );
});
