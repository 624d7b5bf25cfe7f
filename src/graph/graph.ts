import type { DType, Tensor } from './tensor.js';

/**
 * The intermediate representation: a small SSA graph, immutable by convention. Channels-first only, as ONNX.
 *
 * - **value**: a tensor that flows; named by an id; graph input, constant, or output of exactly one node.
 * - **constant**: a value whose data are known: weights, running statistics, literals.
 * - **node**: one op applied to values. `inputs` may hold `''` for an optional input that is absent, as in ONNX.
 */

/** A dimension: a whole number, or the name of one that is known only at run time (the batch is `'N'`). */
export type Dim = number | string;
/** `Shape<number>`: every extent is known. */
export type Shape<D extends Dim = Dim> = readonly D[];

export interface TensorSpec<D extends Dim = Dim> {
  readonly dtype: DType;
  readonly shape: Shape<D>;
}

export type AttrValue = number | string | boolean | readonly number[] | readonly string[];
export type Attrs = Readonly<Record<string, AttrValue>>;

export interface Node {
  /** Unique in the graph. */
  readonly name: string;
  /** An op kind of the registry in `ops/`, named and defined as in ONNX. */
  readonly op: string;
  readonly attrs: Attrs;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** The layer in the user's file that this node came from; several nodes may share one. */
  readonly layer?: string;
}

/**
 * `parameter`: trained by gradients. `statistic`: running mean or variance. `spare`: a bias that the file
 * doesn't have and can be given (see passes/spare-biases.ts), of zeros until something sets it; training leaves it as it is. `literal`: none of these.
 */
export type ConstantRole = 'parameter' | 'statistic' | 'spare' | 'literal';

export interface Constant {
  readonly tensor: Tensor;
  readonly role: ConstantRole;
  /** The tensor's name in the user's file. */
  readonly source?: string;
  /** Of a layer that its author froze (Keras's `trainable: false`): training leaves it as it is. */
  readonly frozen?: boolean;
}

export interface GraphOutput {
  /** The name the user knows it by (`outputs` in a config selects by it). */
  readonly name: string;
  readonly value: string;
}

/** `Graph<number>`: every extent is known, the batch too (`bindShapes` in passes/reinfer.ts makes one). */
export interface Graph<D extends Dim = Dim> {
  readonly name: string;
  /** Value ids of the inputs, in the user's order. */
  readonly inputs: readonly string[];
  readonly outputs: readonly GraphOutput[];
  /** In topological order: a node stands after the producers of its inputs. */
  readonly nodes: readonly Node[];
  /** Dtype and shape of every value: inputs, constants and node outputs. */
  readonly values: ReadonlyMap<string, TensorSpec<D>>;
  readonly constants: ReadonlyMap<string, Constant>;
}

/** The spec of a value. @throws Error for an id that the graph doesn't have. */
export function getSpec<D extends Dim>(graph: Graph<D>, value: string): TensorSpec<D> {
  const spec = graph.values.get(value);
  if (!spec) throw new Error(`graph ${graph.name} has no value ${value}`);
  return spec;
}

/** The nodes that read each value; what nothing reads has no entry. */
export function consumers(graph: Graph): Map<string, Node[]> {
  const map = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    for (const id of new Set(node.inputs)) {
      const known = map.get(id);
      if (known) known.push(node);
      else map.set(id, [node]);
    }
  }
  return map;
}

/** The node that produces each value; inputs and constants have none. */
export function producers(graph: Graph): Map<string, Node> {
  const map = new Map<string, Node>();
  for (const node of graph.nodes) for (const out of node.outputs) map.set(out, node);
  return map;
}

/** Whether some layer goes by statistics of batches in training, and by running ones after it. */
export function hasBatchNorms({ nodes }: Graph): boolean {
  return nodes.some(({ op }) => op === 'BatchNormalization');
}
