/** Random graphs, pruned: what engines compute, and what comes of a way through an ONNX file. */
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { openEngine } from '../../src/engine/index.js';
import { lowerGraph } from '../../src/engine/onnxruntime/lower-graph.js';
import { evaluateGraph } from '../../src/graph/evaluate.js';
import type { Graph } from '../../src/graph/graph.js';
import { fromRef, type RefTensor, toRef } from '../../src/graph/tensor.js';
import { findNativeAddon } from '../../src/installed-engines.js';
import { ChannelMutator } from '../../src/pruning/index.js';
import { randomFeeds, relativeDifference } from '../support/graph-sketch.js';
import { readOnnxBytes } from '../support/onnx-files.js';
import { dropChannels, randomDrops } from '../support/random-choices.js';
import { RANDOM_GRAPHS_TIMEOUT_MS, runsOf } from '../support/random-graph-runs.js';
import { continuousPlans, plannedGraph, randomPlans } from '../support/random-graphs.js';

function prepared(graph: Graph): ChannelMutator {
  const mutator = new ChannelMutator();
  mutator.prepareFromSupernet(graph);
  return mutator;
}

const ENGINES = ['onnxruntime', ...(findNativeAddon() === undefined ? [] : (['native'] as const))] as const;

describe.each(ENGINES)('%s', (name) => {
  const opened = openEngine({ engine: name, threads: 1 });
  let compared = 0;

  test(
    'computes on the pruned graph what the masked one comes to in float64',
    async () => {
      const engine = await opened;
      await fc.assert(
        fc.asyncProperty(continuousPlans, randomDrops, async (plan, drops) => {
          const mutator = prepared(plannedGraph(plan));
          dropChannels(mutator, drops);
          const feeds = randomFeeds(mutator.analysis.graph, plan.weights + 1);
          const compiled = await engine.compile(mutator.exportSubnet().graph);
          try {
            const found = await compiled.run(new Map([...feeds].map(([id, feed]) => [id, fromRef(feed)])));
            const rounded = new Map([...found].map(([id, value]): [string, RefTensor] => [id, toRef(value)]));
            const masked = evaluateGraph(mutator.maskedGraph(), feeds);
            // Sums in float32; the numbers on the way are larger than those at the end.
            expect(relativeDifference(rounded, masked)).toBeLessThanOrEqual(1e-3);
            compared++;
          } finally {
            await compiled.release();
          }
        }),
        runsOf(0.1),
      );
    },
    RANDOM_GRAPHS_TIMEOUT_MS,
  );

  afterAll(() => {
    expect(compared).toBeGreaterThan(0);
  });
});

test(
  'read from an ONNX file, pruned and written into it, it is what the masked graph computes',
  async () => {
    await fc.assert(
      fc.asyncProperty(randomPlans, randomDrops, async (plan, drops) => {
        const loaded = await readOnnxBytes(lowerGraph(plannedGraph(plan)).model);
        const mutator = prepared(loaded.graph);
        dropChannels(mutator, drops);
        const subnet = mutator.exportSubnet();
        const [[path, bytes]] = await loaded.write(subnet.graph);
        const { graph } = await readOnnxBytes(bytes, path);
        const feeds = randomFeeds(loaded.graph, plan.weights + 1);
        const difference = relativeDifference(evaluateGraph(graph, feeds), evaluateGraph(mutator.maskedGraph(), feeds));
        expect(difference).toBeLessThanOrEqual(1e-9);
      }),
      runsOf(0.2),
    );
  },
  RANDOM_GRAPHS_TIMEOUT_MS,
);
