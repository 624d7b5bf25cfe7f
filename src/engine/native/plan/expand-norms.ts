import type { Attrs, Constant, Node } from '../../../graph/graph.js';
import { inferNode } from '../../../graph/infer.js';
import { epsilonOf, firstNormalizedAxis, normalizedGroups } from '../../../graph/ops/sample-normalization.js';
import { scalar } from '../../../graph/tensor.js';
import { type BoundGraph, type BoundSpec, withNodes } from './bound-graph.js';

/** Where a norm's groups are: the shape that has each on axes of its own, and those axes. */
interface Layout {
  readonly runs: readonly number[];
  readonly axes: readonly number[];
  /** The shape in which weights broadcast to x. */
  readonly weights: readonly number[];
}

const LAYOUTS: Readonly<Record<string, (node: Node, shape: readonly number[]) => Layout>> = {
  LayerNormalization(node, shape) {
    const first = firstNormalizedAxis(node, shape.length);
    return { runs: shape, axes: shape.map((_, axis) => axis).slice(first), weights: shape.slice(first) };
  },
  InstanceNormalization: grouped,
  GroupNormalization: grouped,
};

/** The ops that are spelled out. */
export const EXPANDED: ReadonlySet<string> = new Set(Object.keys(LAYOUTS));

function grouped(node: Node, shape: readonly number[]): Layout {
  const [batch, channels, ...spatial] = shape;
  const groups = normalizedGroups(node, channels);
  return {
    runs: [batch, groups, channels / groups, ...spatial],
    axes: [2, ...spatial.map((_, i) => i + 3)],
    weights: [channels, ...spatial.map(() => 1)],
  };
}

/** Spells norms by the sample's own statistics out: they are few, and their parts are fused with what is around. */
export function expandNorms(graph: BoundGraph): BoundGraph {
  if (!graph.nodes.some(({ op }) => EXPANDED.has(op))) return graph;
  const values = new Map(graph.values);
  const constants = new Map(graph.constants);
  const nodes = graph.nodes.flatMap((node) => (EXPANDED.has(node.op) ? expand(node, values, constants) : [node]));
  return withNodes({ ...graph, constants }, nodes, values);
}

function expand(node: Node, values: Map<string, BoundSpec>, constants: Map<string, Constant>): Node[] {
  const nodes: Node[] = [];
  const op = (kind: string, inputs: readonly string[], attrs: Attrs = {}, output?: string): string => {
    const name = `${node.name}/${nodes.length}`;
    const made: Node = { name, op: kind, attrs, inputs, outputs: [output ?? `${name}:0`] };
    const [spec] = inferNode(made, { values, constants });
    values.set(made.outputs[0], spec as BoundSpec);
    nodes.push(made);
    return made.outputs[0];
  };
  const [x, scale, shift = ''] = node.inputs;
  const { dtype, shape } = values.get(x)!;
  const { runs, axes, weights } = LAYOUTS[node.op](node, shape);
  const reshape = (value: string, to: readonly number[]): string => op('Reshape', [value], { shape: to });
  const mean = (value: string): string => op('ReduceMean', [value], { axes, keepdims: 1 });
  const epsilon = `${node.name}/epsilon`;
  constants.set(epsilon, { tensor: scalar(dtype, epsilonOf(node)), role: 'literal' });
  values.set(epsilon, { dtype, shape: [] });

  const data = reshape(x, runs);
  const centred = op('Sub', [data, mean(data)]);
  const variance = mean(op('Mul', [centred, centred]));
  const factor = op('Reciprocal', [op('Sqrt', [op('Add', [variance, epsilon])])]);
  const normal = reshape(op('Mul', [centred, factor]), shape);
  const output = node.outputs[0];
  if (shift === '') op('Mul', [normal, reshape(scale, weights)], {}, output);
  else op('Add', [op('Mul', [normal, reshape(scale, weights)]), reshape(shift, weights)], {}, output);
  return nodes;
}
