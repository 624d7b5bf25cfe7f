import fc from 'fast-check';
import { expect, test } from 'vitest';
import { graphCost } from '../../src/graph/cost.js';
import { evaluateGraph } from '../../src/graph/evaluate.js';
import { verify } from '../../src/graph/verify.js';
import { ChannelMutator, planChoices, predictCost } from '../../src/pruning/index.js';
import { randomFeeds, relativeDifference } from '../support/graph-sketch.js';
import { dropChannels, randomDrops } from '../support/random-choices.js';
import { RANDOM_GRAPHS, RANDOM_GRAPHS_TIMEOUT_MS, RANDOM_SEED, runsOf } from '../support/random-graph-runs.js';
import { type NetworkPlan, plannedGraph, randomPlans } from '../support/random-graphs.js';

/** Float64 sums in another order: far below this, unless channels are mapped wrongly. */
const TOLERANCE = 1e-9;

function prepared(plan: NetworkPlan): ChannelMutator {
  const mutator = new ChannelMutator();
  mutator.prepareFromSupernet(plannedGraph(plan));
  return mutator;
}

test(
  `the pruned graph computes what the masked one does, over ${RANDOM_GRAPHS} random graphs from seed ${RANDOM_SEED}`,
  () => {
    let graphs = 0;
    let pruned = 0;
    fc.assert(
      fc.property(randomPlans, randomDrops, (plan, drops) => {
        const mutator = prepared(plan);
        const { graph } = mutator.analysis;
        const feeds = randomFeeds(graph, plan.weights + 1);
        dropChannels(mutator, drops);
        const subnet = mutator.exportSubnet();
        verify(subnet.graph);
        const difference = relativeDifference(
          evaluateGraph(subnet.graph, feeds),
          evaluateGraph(mutator.maskedGraph(), feeds),
        );
        expect(difference).toBeLessThanOrEqual(TOLERANCE);
        graphs++;
        if (graphCost(subnet.graph).parameters < graphCost(graph).parameters) pruned++;
      }),
      runsOf(1),
    );
    // Most of the graphs have something to prune, or the test would show nothing.
    expect(pruned).toBeGreaterThan(graphs / 2);
  },
  RANDOM_GRAPHS_TIMEOUT_MS,
);

test(
  'with every channel kept the graphs compute what the original does',
  () => {
    fc.assert(
      fc.property(randomPlans, (plan) => {
        const mutator = prepared(plan);
        const { graph } = mutator.analysis;
        const feeds = randomFeeds(graph, plan.weights + 1);
        const original = evaluateGraph(graph, feeds);
        expect(relativeDifference(evaluateGraph(mutator.exportSubnet().graph, feeds), original)).toBe(0);
        expect(relativeDifference(evaluateGraph(mutator.maskedGraph(), feeds), original)).toBe(0);
      }),
      runsOf(0.2),
    );
  },
  RANDOM_GRAPHS_TIMEOUT_MS,
);

test(
  'predicted costs are those of the exported graph',
  () => {
    fc.assert(
      fc.property(randomPlans, randomDrops, (plan, drops) => {
        const mutator = prepared(plan);
        const choices = dropChannels(mutator, drops);
        const { latency: _, ...predicted } = predictCost(mutator, choices, 'macs');
        const counted = predictCost(mutator, choices, 'mmrazor');
        const cost = graphCost(mutator.exportSubnet().graph);
        expect({ ...predicted, mmrazor: counted.macs }).toEqual({
          macs: cost.macs,
          mmrazor: cost.mmrazor,
          parameters: cost.parameters,
          size: 4 * cost.parameters,
        });
      }),
      runsOf(0.3),
    );
  },
  RANDOM_GRAPHS_TIMEOUT_MS,
);

test(
  'planned choices meet their target once exported',
  () => {
    fc.assert(
      fc.property(randomPlans, fc.integer({ min: 30, max: 90 }), (plan, percent) => {
        const mutator = prepared(plan);
        const planned = planChoices(mutator, { macs: percent / 100 }, 'macs');
        mutator.setChoices(planned.choices);
        const { macs } = graphCost(mutator.exportSubnet().graph);
        expect(macs).toBe(planned.predicted.macs);
        expect(macs <= (percent / 100) * planned.baseline.macs).toBe(planned.reachable);
      }),
      runsOf(0.2),
    );
  },
  RANDOM_GRAPHS_TIMEOUT_MS,
);

test(
  'dynamic ops slice their own weights as the subnet does',
  () => {
    fc.assert(
      fc.property(randomPlans, randomDrops, (plan, drops) => {
        const mutator = prepared(plan);
        dropChannels(mutator, drops);
        const { graph } = mutator.exportSubnet();
        const nodes = new Map(graph.nodes.map((node) => [node.name, node]));
        for (const op of mutator.dynamicOps) {
          const { attrs, constants } = op.toStaticOp(mutator.weights);
          expect(attrs).toEqual(nodes.get(op.node.name)?.attrs);
          for (const [id, tensor] of constants) expect(tensor).toEqual(graph.constants.get(id)?.tensor);
        }
      }),
      runsOf(0.3),
    );
  },
  RANDOM_GRAPHS_TIMEOUT_MS,
);
