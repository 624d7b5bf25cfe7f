import { type Attrs, consumers, type Graph, type Node } from '../../../../graph/graph.js';
import { FUSED } from '../../lowerings/activation.js';
import { inOrder } from './in-order.js';

/** Which input of a node a residual becomes, for the ops whose kernels add one and rectify. */
const RESIDUAL: Readonly<Record<string, number>> = {
  Conv: 3,
  ConvTranspose: 3,
  ConvInputGrad: 3,
  BatchNormalization: 5,
  BatchNormalizationTraining: 3,
};

/** The attributes of a rectifier that kernels have: none for another op. */
export function rectifier(node: Node | undefined): Attrs | undefined {
  if (node?.op === 'Relu') return { [FUSED.relu]: 1 };
  const isBounded = node?.op === 'Clip' && node.attrs.min === 0 && Number(node.attrs.max) > 0;
  return isBounded ? { [FUSED.relu]: 1, [FUSED.most]: Number(node.attrs.max) } : undefined;
}

/**
 * `act(f(x) + residual)` as one node, where f is a convolution, the gradient of one (whose residual is the gradient from
 * elsewhere) or a batch norm, and nothing else reads what lies between.
 */
export function fuseActivations(graph: Graph<number>): Graph<number> {
  const place = new Map<string, number>();
  graph.nodes.forEach((node, at) => {
    for (const id of node.outputs) place.set(id, at);
  });
  const outputs = new Set(graph.outputs.map(({ value }) => value));
  const readersOf = consumers(graph);
  const onlyReader = (value: string): Node | undefined => {
    const readers = readersOf.get(value) ?? [];
    return readers.length === 1 && !outputs.has(value) ? readers[0] : undefined;
  };
  const gone = new Set<Node>();
  /** By the last node of what was fused: it stands where that stood, after everything that it reads. */
  const fused = new Map<Node, Node>();
  for (const node of graph.nodes) {
    if (!Object.hasOwn(RESIDUAL, node.op) || gone.has(node)) continue;
    const chain = [node];
    let residual: string | undefined;
    let next = onlyReader(node.outputs[0]);
    const other = next && residualOf(graph, next, node.outputs[0], place);
    if (next && other && !gone.has(next)) {
      residual = other;
      chain.push(next);
      next = onlyReader(next.outputs[0]);
    }
    const attrs = rectifier(next);
    if (next && attrs) chain.push(next);
    if (chain.length === 1) continue;
    const last = chain[chain.length - 1];
    const inputs = [...node.inputs];
    if (residual !== undefined) {
      while (inputs.length < RESIDUAL[node.op]) inputs.push('');
      inputs.push(residual);
    }
    for (const member of chain) gone.add(member);
    fused.set(last, {
      ...node,
      attrs: { ...node.attrs, ...attrs },
      inputs,
      outputs: [last.outputs[0], ...node.outputs.slice(1)],
    });
  }
  const nodes = graph.nodes.flatMap((node) => {
    const whole = fused.get(node);
    if (whole) return [whole];
    return gone.has(node) ? [] : [node];
  });
  return { ...graph, nodes: inOrder(nodes) };
}

/** What is added to `value`, where that is a tensor of its shape. */
function residualOf(
  graph: Graph<number>,
  node: Node,
  value: string,
  place: ReadonlyMap<string, number>,
): string | undefined {
  if (node.op !== 'Add') return undefined;
  const other = node.inputs[node.inputs[0] === value ? 1 : 0];
  const same = `${graph.values.get(other)!.shape}` === `${graph.values.get(value)!.shape}`;
  return other !== value && same && (place.has(other) || graph.inputs.includes(other)) ? other : undefined;
}
