import type { Engine } from '../../engine/index.js';
import { medianOf, timeRuns } from '../../engine/index.js';
import { GraphBuilder } from '../../graph/builder.js';
import { graphCost } from '../../graph/cost.js';
import { type Graph, getSpec, type Node } from '../../graph/graph.js';
import type { Cost } from '../../graph/op-spec.js';
import type { LatencyModel } from '../../pruning/index.js';
import { randomInputs } from '../feeding/random-inputs.js';

/** Timed runs of a layer: as many as fit in the budget. */
const RUNS = { least: 3, most: 9 };
const BUDGET_MS = 300;

/** Nodes that do less than this share of all the work are taken to last as long as their work says. */
const SMALL_SHARE = 0.002;

/**
 * Measures each layer and each pool by itself, one sample, on this engine: what a unit of its work costs here. A depthwise
 * convolution's multiply-add can cost twenty times a dense one's, which a count of MACs doesn't show. Nodes of equal
 * shapes are measured once; activations and norms are left out, since engines fuse them into the layer before.
 * @throws the signal's reason, between two layers
 */
export async function measureLayers(engine: Engine, graph: Graph, signal: AbortSignal): Promise<LatencyModel> {
  const { macs: allMacs, perNode } = graphCost(graph);
  const msPerWork = new Map<string, number>();
  const known = new Map<string, number>();
  for (const node of graph.nodes) {
    const work = workOf(node, perNode.get(node.name)!);
    if (work < SMALL_SHARE * allMacs) continue;
    signal.throwIfAborted();
    const key = signature(graph, node);
    const ms = known.get(key) ?? (await measureNode(engine, graph, node));
    known.set(key, ms);
    msPerWork.set(node.name, ms / work);
  }
  return { nodeMs: (node, cost) => workOf(node, cost) * (msPerWork.get(node.name) ?? 0) };
}

/** Multiply-adds, for pools the elements that they read. */
function workOf(node: Node, { macs, mmrazor }: Cost): number {
  return node.op.endsWith('Pool') ? mmrazor : macs;
}

/** Nodes with equal signatures take equally long. */
function signature(graph: Graph, node: Node): string {
  const shapes = node.inputs.map((id) => (id === '' ? null : getSpec(graph, id).shape));
  return JSON.stringify([node.op, node.attrs, shapes]);
}

async function measureNode(engine: Engine, graph: Graph, node: Node): Promise<number> {
  const alone = isolate(graph, node);
  const compiled = await engine.compile(alone);
  try {
    const feeds = randomInputs(alone, 1, 0);
    // The first run sets things up.
    const [, warmMs] = await timeRuns(compiled, feeds, 2);
    const runs = Math.max(RUNS.least, Math.min(RUNS.most, Math.round(BUDGET_MS / warmMs)));
    return medianOf(await timeRuns(compiled, feeds, runs));
  } finally {
    await compiled.release();
  }
}

/** A graph of one node: its weights stay constants, what flows into it becomes inputs. */
function isolate(graph: Graph, node: Node): Graph {
  const builder = new GraphBuilder(node.name);
  const seen = new Map<string, string>();
  const read = (id: string): string => {
    if (id === '') return '';
    const constant = graph.constants.get(id);
    const found =
      seen.get(id) ??
      (constant ? builder.constant(id, constant.tensor, constant.role) : builder.input(id, getSpec(graph, id)));
    seen.set(id, found);
    return found;
  };
  const outputs = builder.ops(node.op, node.inputs.map(read), node.attrs, {
    name: node.name,
    outputs: node.outputs.length,
  });
  builder.output('y', outputs[0]);
  return builder.build();
}
