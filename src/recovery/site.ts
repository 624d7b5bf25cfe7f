import { consumers, type Graph, getSpec, type Node } from '../graph/graph.js';
import { flagAttr, numberAttr } from '../graph/ops/attributes.js';

/** Where a layer's offset is kept. `norm`: a batch norm behind it; `constant`: a bias, its own or added behind it. */
export type Offset =
  | { readonly kind: 'constant'; readonly id: string }
  | { readonly kind: 'norm'; readonly norm: Node; readonly bias: string | undefined };

/**
 * A layer whose weights can be solved for: it makes each output element of one row of numbers and a column of weights.
 * Within each group a row has `K` numbers, and a column for each of `M` outputs: `z[M] = row[K] · W[K, M] + offset[M]`.
 */
export interface Site {
  readonly node: Node;
  /** The constant that holds its weights. */
  readonly weights: string;
  readonly form: 'convolution' | 'transposed' | 'dense';
  readonly offset: Offset | undefined;
  /** The value that has the offset in it: what the layer is to give. */
  readonly target: string;
  /** Where `target` is all that one side of a sum is: the sum, and its other side. */
  readonly sum?: { readonly value: string; readonly other: string } | undefined;
}

/** Where the channels of a site's input and output stand. */
export function channelAxis({ form }: Pick<Site, 'form'>, rank: number): number {
  return form === 'dense' ? rank - 1 : 1;
}

/** The one node that reads a value, once; undefined where there are others, or the value is an output. */
export type OnlyReader = (value: string) => Node | undefined;

export function onlyReaderOf(graph: Graph): OnlyReader {
  const readers = consumers(graph);
  const outputs = new Set(graph.outputs.map(({ value }) => value));
  return (value) => {
    const [node, other] = readers.get(value) ?? [];
    const isOnce = node && !other && node.inputs.indexOf(value) === node.inputs.lastIndexOf(value);
    return isOnce && !outputs.has(value) ? node : undefined;
  };
}

/** Every layer of a graph whose weights can be solved for and are its own, in graph order. */
export function findSites(graph: Graph): Site[] {
  const only = onlyReaderOf(graph);
  const isOwn = (id: string | undefined): id is string => {
    return id !== undefined && graph.constants.has(id) && only(id) !== undefined;
  };
  return graph.nodes.flatMap((node): Site[] => {
    const form = formOf(graph, node);
    if (!form || !isOwn(node.inputs[1])) return [];
    const own = node.inputs[2] || undefined;
    // A bias that another layer has too, or that isn't one number a channel, is left as it is: there is no offset to set.
    if (own !== undefined && !(isOwn(own) && isPerChannel(graph, own, node.outputs[0], form))) return [];
    let target = node.outputs[0];
    let bias = own;
    const added = bias === undefined ? addedBias(graph, only(target), target, form, isOwn) : undefined;
    if (added) ({ bias, target } = added);
    const norm = only(target);
    const site = { node, weights: node.inputs[1], form };
    if (norm?.op === 'BatchNormalization' && norm.inputs[0] === target && norm.inputs.slice(1).every(isOwn)) {
      const offset = { kind: 'norm' as const, norm, bias };
      return [withSum(graph, { ...site, offset, target: norm.outputs[0] }, only)];
    }
    const offset = bias === undefined ? undefined : { kind: 'constant' as const, id: bias };
    return [withSum(graph, { ...site, offset, target }, only)];
  });
}

/** How a node makes its outputs of weights, where those are known. */
export function formOf(graph: Graph, node: Node): Site['form'] | undefined {
  const [x, w] = node.inputs;
  const weights = graph.constants.get(w)?.tensor;
  if (weights?.dtype !== 'float32' || graph.constants.has(x)) return undefined;
  if (node.op === 'Conv') return 'convolution';
  if (node.op === 'ConvTranspose') return 'transposed';
  if (node.op === 'MatMul') {
    return weights.shape.length === 2 && getSpec(graph, x).shape.length >= 2 ? 'dense' : undefined;
  }
  if (node.op !== 'Gemm') return undefined;
  const plain =
    !flagAttr(node, 'transA', false) && numberAttr(node, 'alpha', 1) === 1 && numberAttr(node, 'beta', 1) === 1;
  return plain ? 'dense' : undefined;
}

/** Whether a constant, broadcast to a value, is one number for each of its channels. */
export function isPerChannel(graph: Graph, id: string, value: string, form: Site['form']): boolean {
  const own = getSpec(graph, id).shape;
  const { shape } = getSpec(graph, value);
  const axis = channelAxis({ form }, shape.length);
  // A convolution's own bias has one axis, which is no broadcast.
  if (own.length === 1 && own[0] === shape[axis]) return true;
  const from = shape.length - own.length;
  return from >= 0 && own.every((d, i) => d === (from + i === axis ? shape[axis] : 1)) && axis >= from;
}

export interface AddedBias {
  readonly bias: string;
  /** The sum. */
  readonly target: string;
}

/** The bias that a node adds to a value, if it does. @param isOwn which constants may be one */
export function addedBias(
  graph: Graph,
  node: Node | undefined,
  value: string,
  form: Site['form'],
  isOwn: (id: string) => boolean,
): AddedBias | undefined {
  if (node?.op !== 'Add') return undefined;
  const bias = node.inputs[0] === value ? node.inputs[1] : node.inputs[0];
  if (!isOwn(bias)) return undefined;
  const own = getSpec(graph, bias).shape;
  const { shape } = getSpec(graph, value);
  // Here the constant is broadcast: its last axis is the value's last.
  const axis = channelAxis({ form }, shape.length);
  const aligned = own.length === 1 ? axis === shape.length - 1 : isPerChannel(graph, bias, value, form);
  return aligned && own.some((d) => d === shape[axis]) ? { bias, target: node.outputs[0] } : undefined;
}

export function withSum(graph: Graph, site: Site, only: OnlyReader): Site {
  const node = only(site.target);
  if (node?.op !== 'Add') return site;
  const other = node.inputs[0] === site.target ? node.inputs[1] : node.inputs[0];
  if (other === site.target || graph.constants.has(other)) return site;
  const [a, b] = [other, site.target].map((id) => getSpec(graph, id).shape);
  if (String(a) !== String(b)) return site;
  return { ...site, sum: { value: node.outputs[0], other } };
}

/** What each output of a layer is multiplied with by a batch norm behind it; undefined where there is none. */
export function gainsOf(graph: Graph, offset: Offset | undefined): Float64Array | undefined {
  if (offset?.kind !== 'norm') return undefined;
  const epsilon = numberAttr(offset.norm, 'epsilon', 1e-5);
  const data = (input: number) => graph.constants.get(offset.norm.inputs[input])!.tensor.data as Float32Array;
  const [scale, variance] = [data(1), data(4)];
  return Float64Array.from(scale, (gamma, o) => gamma / Math.sqrt(variance[o] + epsilon));
}
