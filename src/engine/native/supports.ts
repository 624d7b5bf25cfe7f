import type { Graph, Node } from '../../graph/graph.js';
import { LOWERINGS } from './lowerings/index.js';
import { ELEMENTWISE } from './plan/elementwise.js';
import { EXPANDED } from './plan/expand-norms.js';

const IMPLEMENTED: ReadonlySet<string> = new Set([...Object.keys(ELEMENTWISE), ...Object.keys(LOWERINGS), ...EXPANDED]);

/** Ops whose windows slide over one or two axes here. */
const WINDOWED = new Set([
  'Conv',
  'ConvTranspose',
  'ConvInputGrad',
  'ConvFilterGrad',
  'MaxPool',
  'AveragePool',
  'GlobalMaxPool',
  'MaxPoolGrad',
  'AveragePoolGrad',
]);

/** Ops that compute in float32 alone. */
const FLOAT_ONLY = new Set([
  ...WINDOWED,
  ...EXPANDED,
  'Gemm',
  'MatMul',
  'BatchNormalization',
  'BatchNormalizationTraining',
  'BatchNormalizationGrad',
  'GlobalAveragePool',
  'Softmax',
  'LogSoftmax',
  'GatherGrad',
  'Resize',
  'ResizeGrad',
]);

/** Axes that the kernels count along (`ES_MAX_DIMS`). */
const MOST_AXES = 8;

/** Why this engine does not run a graph: the first node that it lacks; undefined when it has them all. */
export function findUnsupported(graph: Graph): { readonly node: Node; readonly reason: string } | undefined {
  for (const node of graph.nodes) {
    const reason = whyNot(graph, node);
    if (reason !== undefined) return { node, reason };
  }
  return undefined;
}

function whyNot(graph: Graph, node: Node): string | undefined {
  if (!IMPLEMENTED.has(node.op)) return 'the native engine has no such op';
  const specs = [...node.inputs, ...node.outputs].flatMap((id) => graph.values.get(id) ?? []);
  const rank = specs.reduce((most, { shape }) => Math.max(most, shape.length), 0);
  if (rank > MOST_AXES) return `the native engine holds values of up to ${MOST_AXES} axes, not of ${rank}`;
  if (WINDOWED.has(node.op) && specs.some(({ shape }) => shape.length > 4)) {
    return 'the native engine slides windows over one or two axes';
  }
  // Of a gather's gradient the second input is indices.
  const computed = node.op === 'GatherGrad' ? specs.toSpliced(1, 1) : specs;
  const other = FLOAT_ONLY.has(node.op) ? computed.find(({ dtype }) => dtype !== 'float32') : undefined;
  return other && `the native engine computes it in float32, not ${other.dtype}`;
}
