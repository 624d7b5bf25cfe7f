import fc from 'fast-check';
import type { Graph } from '../../src/graph/graph.js';
import * as blocks from './random-graphs/blocks.js';
import * as elementwise from './random-graphs/elementwise.js';
import * as heads from './random-graphs/heads.js';
import * as layers from './random-graphs/layers.js';
import { Network, type StepKind } from './random-graphs/network.js';
import { type NetworkPlan, networkPlans, type Step } from './random-graphs/plan.js';
import * as shapes from './random-graphs/shapes.js';

export type { NetworkPlan, Step };

const { fitChannels: _, ...LAYERS } = layers;
const { partner: __, ...ELEMENTWISE } = elementwise;
const LEAVES: Readonly<Record<string, StepKind>> = { ...LAYERS, ...ELEMENTWISE, ...shapes };
const BLOCKS: Readonly<Record<string, StepKind>> = { ...blocks };
const HEADS: Readonly<Record<string, StepKind>> = { ...heads };
const KINDS = new Map(Object.entries({ ...LEAVES, ...BLOCKS, ...HEADS }));

/** Steps whose result jumps, a rounding more or less and it is another: `where` by what layers make, embeddings by inputs. */
const JUMPING_BY_WEIGHTS = ['where'];
const JUMPING = [...JUMPING_BY_WEIGHTS, 'embedding'];

/**
 * Random small networks of every structure that the tracer knows, nested, with several inputs and outputs: convolutions
 * (grouped, depthwise with multipliers, dilated, strided) and their transposes, norms, activations, pools, pads, resizes,
 * broadcasts, gates, concats on every axis, splits and slices, shuffles, shared layers, embeddings, reductions, softmax,
 * and blocks of them (residual, Inception, DenseNet, C2f, CSP, U-Net, ShuffleNet, selective kernels, ConvNeXt, attention);
 * heads that classify, segment, detect.
 */
export const randomPlans: fc.Arbitrary<NetworkPlan> = plansWithout([]);

/** The same, of continuous functions only: for comparisons of engines that round differently. */
export const continuousPlans: fc.Arbitrary<NetworkPlan> = plansWithout(JUMPING);

const trainablePlans = plansWithout(JUMPING_BY_WEIGHTS);

function plansWithout(kinds: readonly string[]): fc.Arbitrary<NetworkPlan> {
  const leaves = Object.keys(LEAVES).filter((kind) => !kinds.includes(kind));
  // Convolutions more often than the rest, and first, so that counterexamples shrink to them.
  return networkPlans({
    leaves: ['conv', ...leaves.filter((kind) => kind !== 'conv'), 'conv', 'conv', 'conv'],
    blocks: Object.keys(BLOCKS),
    heads: ['classifier', ...Object.keys(HEADS).filter((kind) => kind !== 'classifier'), 'classifier', 'classifier'],
  });
}

/** The network of a plan. */
export function plannedGraph(plan: NetworkPlan): Graph {
  const net = new Network(plan, KINDS);
  for (const step of plan.steps) net.apply(step, net.map(step.from));
  return net.build(plan.heads.map((head, i) => KINDS.get(head.kind)!(net, net.map(i === 0 ? 0 : head.from), head)));
}

/** The random network of a seed. */
export function randomGraph(seed: number): Graph {
  return plannedGraph(sampled(randomPlans, seed));
}

/** The random network of a seed, all ops of which have gradients, and whose first output is logits or probabilities. */
export function classifierGraph(seed: number): Graph {
  const plan = sampled(trainablePlans, seed);
  return plannedGraph({
    ...plan,
    heads: plan.heads.map((head, i) => (i === 0 ? { ...head, kind: 'classifier' } : head)),
  });
}

function sampled(plans: fc.Arbitrary<NetworkPlan>, seed: number): NetworkPlan {
  return fc.sample(plans, { seed, numRuns: 1 })[0];
}
