import { type Graph, getSpec, type Node, type TensorSpec } from '../../graph/graph.js';
import { type DeviceTensor, type Layout, permToFirst, type TF, type Value } from './value.js';

/** One output of a kernel: a channels-first tensor, or one in the layout that it says. */
export type KernelResult = DeviceTensor | { readonly tensor: DeviceTensor; readonly layout: Layout };

/** Runs one IR node with the functions of tfjs-core. It is called within `tf.tidy`: temporaries need no disposal. */
export type Kernel = (x: NodeRun) => KernelResult | readonly KernelResult[];
export type KernelTable = Readonly<Record<string, Kernel>>;

export function channelsLast(tensor: DeviceTensor): KernelResult {
  return { tensor, layout: 'channels-last' };
}

/** What a kernel sees of the node that it runs. */
export class NodeRun {
  readonly tf: TF;
  readonly node: Node;
  readonly #graph: Graph;
  readonly #values: readonly (Value | undefined)[];

  constructor(tf: TF, graph: Graph, node: Node, values: readonly (Value | undefined)[]) {
    this.tf = tf;
    this.node = node;
    this.#graph = graph;
    this.#values = values;
  }

  get inputCount(): number {
    return this.#values.length;
  }

  hasInput(i: number): boolean {
    return this.#values[i] !== undefined;
  }

  /** Input `i` as the IR has it. */
  input(i: number): DeviceTensor {
    return this.value(i).in('channels-first');
  }

  /** Input `i`, of rank 3 or more, with its channels last. */
  channelsLast(i: number): DeviceTensor {
    return this.value(i).in('channels-last');
  }

  value(i: number): Value {
    const value = this.#values[i];
    if (!value) throw new Error(`input ${i} of ${this.node.op} ${this.node.name} is absent`);
    return value;
  }

  inputSpec(i: number): TensorSpec {
    return getSpec(this.#graph, this.node.inputs[i]);
  }

  outputSpec(): TensorSpec {
    return getSpec(this.#graph, this.node.outputs[0]);
  }
}

/** The layout that needs no conversion of input `i`. */
export function ownLayout(x: NodeRun, i: number): Layout {
  return x.value(i).has('channels-first') ? 'channels-first' : 'channels-last';
}

/** Where each of the IR's axes stands in a tensor of a layout. */
export function axisPlaces(rank: number, layout: Layout): number[] {
  return layout === 'channels-last' ? permToFirst(rank) : Array.from({ length: rank }, (_, axis) => axis);
}

/** A function of single elements: it takes its input as it stands. */
export function elementwise(f: (x: DeviceTensor, run: NodeRun) => DeviceTensor): Kernel {
  return (x) => {
    const layout = ownLayout(x, 0);
    return { tensor: f(x.value(0).in(layout), x), layout };
  };
}

/** A function of elements of several inputs, broadcast as NumPy; channels-last where one of full rank stands so. */
export function broadcast(f: (inputs: DeviceTensor[], run: NodeRun) => DeviceTensor): Kernel {
  return (x) => {
    const indices = Array.from({ length: x.inputCount }, (_, i) => i);
    const rank = Math.max(...indices.map((i) => x.value(i).rank));
    const last = rank >= 3 && indices.some((i) => x.value(i).rank === rank && ownLayout(x, i) === 'channels-last');
    const layout: Layout = last ? 'channels-last' : 'channels-first';
    return {
      tensor: f(
        indices.map((i) => alignedInput(x, i, rank, layout)),
        x,
      ),
      layout,
    };
  };
}

/** Input `i` so that it broadcasts against tensors of `rank` axes in `layout`. */
function alignedInput(x: NodeRun, i: number, rank: number, layout: Layout): DeviceTensor {
  const value = x.value(i);
  if (value.rank === rank || value.rank === 0) return value.in(layout);
  const tensor = value.in('channels-first');
  if (layout === 'channels-first') return tensor;
  const [, channels = 1, ...spatial] = [...new Array<number>(rank - tensor.rank).fill(1), ...tensor.shape];
  if (spatial.every((extent) => extent === 1)) return x.tf.reshape(tensor, [channels]);
  const whole = x.tf.reshape(tensor, [1, channels, ...spatial]);
  return x.tf.transpose(whole, [0, ...spatial.map((_, axis) => axis + 2), 1]);
}
