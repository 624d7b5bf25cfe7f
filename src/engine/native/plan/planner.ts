import { type Graph, getSpec, type Node, type TensorSpec } from '../../../graph/graph.js';
import { type DType, elementCount, scalar, type Tensor } from '../../../graph/tensor.js';
import type { InstructionSpec } from '../addon.js';
import { aligned, DataBlock } from './data-block.js';
import {
  dtypeBytes,
  type Fields,
  type Instruction,
  type Lists,
  type Operands,
  reference,
  writeNumbers,
  writeOperands,
} from './instruction.js';
import {
  type Buffer,
  channelsLastOrder,
  collapse,
  denseStrides,
  isDense,
  type Order,
  plainOrder,
  type View,
} from './view.js';

/** What planning asks of the kernels. */
export interface Kernels {
  readonly threads: number;
  /** What an instruction is made of. */
  spec(operation: string): InstructionSpec;
  /** Bytes of scratch of an instruction, by its fields and lists. */
  scratchBytes(operation: string, numbers: readonly number[]): number;
  /** The number of an operation of `map` instructions. */
  mapCode(name: string): number;
}

/**
 * Writes the instructions of a graph, in the order of its steps. Values are views of buffers: reshapes, transposes and
 * slices move nothing, and a kernel that wants its operands in another layout asks for a copy, which is made once.
 */
export class Planner {
  readonly graph: Graph<number>;
  readonly kernels: Kernels;
  /** A step that differentiates: its forward pass must round little. */
  readonly trains: boolean;
  readonly instructions: Instruction[] = [];
  /** What a program does once, when it is made: fills `packed` memory from `sources`. */
  readonly setup: Instruction[] = [];
  readonly constants = new DataBlock();
  readonly sources = new DataBlock();
  packedBytes = 0;
  readonly #views = new Map<string, View>();
  readonly #copies = new Map<View, View[]>();
  readonly #sourceOf = new Map<string, View>();
  readonly #packed = new Map<string, View>();
  #label = '';

  constructor(graph: Graph<number>, kernels: Kernels) {
    this.graph = graph;
    this.kernels = kernels;
    this.trains = graph.nodes.some(({ op }) => op.endsWith('Grad'));
    graph.inputs.forEach((id, at) => {
      const { dtype, shape } = this.spec(id);
      const bytes = elementCount(shape) * dtypeBytes(dtype);
      this.define(id, denseView(dtype, shape, plainOrder(shape.length), { bytes, place: 'input', at }));
    });
  }

  spec(id: string): TensorSpec<number> {
    return getSpec(this.graph, id);
  }

  /** What instructions from now on are for. */
  enter(label: string): void {
    this.#label = label;
  }

  view(id: string): View {
    const known = this.#views.get(id);
    if (known) return known;
    const constant = this.graph.constants.get(id);
    if (!constant) throw new Error(`value ${id} of graph ${this.graph.name} is read before it is made`);
    const view = this.constant(constant.tensor);
    this.define(id, view);
    return view;
  }

  define(id: string, view: View): void {
    this.#views.set(id, view);
  }

  /** Host data that are part of the program. */
  constant(tensor: Tensor): View {
    return this.#hold(tensor, 'constant', this.constants);
  }

  /**
   * Weights that are a constant, as a kernel's `<kernel>_pack` lays them out once, when the program is made; undefined for weights that
   * aren't or that the kernel takes as they are. `fields` are those of `<kernel>_pack`, of packed weights.
   */
  packed(id: string, kernel: string, fields: Fields): View | undefined {
    const constant = this.graph.constants.get(id);
    if (!constant) return undefined;
    const spec = this.kernels.spec(`${kernel}_pack`);
    const numbers = writeNumbers(spec, fields, {});
    const bytes = this.kernels.scratchBytes(spec.name, numbers);
    if (bytes === 0) return undefined;
    // Of the batch the layout depends only through the size of Winograd's tiles, and the bytes tell that.
    const key = JSON.stringify([id, kernel, { ...fields, n: 0 }, bytes]);
    const known = this.#packed.get(key);
    if (known) return known;
    const packed = denseView('uint8', [bytes], [0], { bytes, place: 'packed', at: this.packedBytes });
    this.packedBytes += aligned(bytes);
    this.#packed.set(key, packed);
    const source = this.#sourceOf.get(id) ?? this.#hold(constant.tensor, 'source', this.sources);
    this.#sourceOf.set(id, source);
    const words = [...numbers, reference(source), reference(packed)];
    this.setup.push({ operation: spec.name, words, reads: [], writes: [], inPlace: [], label: this.#label });
    return packed;
  }

  #hold({ dtype, shape, data }: Tensor, place: 'constant' | 'source', block: DataBlock): View {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return denseView(dtype, shape, plainOrder(shape.length), { bytes: bytes.length, place, at: block.add(bytes) });
  }

  /** Memory for a value, dense in the given order. */
  allocate(dtype: DType, shape: readonly number[], order: Order): View {
    const bytes = elementCount(shape) * dtypeBytes(dtype);
    return denseView(dtype, shape, order, { bytes, place: 'arena', at: 0 });
  }

  /** Memory for output `i` of a node, which has it from now on. */
  result(node: Node, i = 0, order?: Order): View {
    const { dtype, shape } = this.spec(node.outputs[i]);
    const view = this.allocate(dtype, shape, order ?? plainOrder(shape.length));
    this.define(node.outputs[i], view);
    return view;
  }

  /**
   * Emits an instruction, with scratch where its kernel needs some.
   * @param more.inPlace pairs of operands, one read and one written, that may lie in the same place
   * @throws GraphRefused where the kernel can't hold it
   */
  emit(
    operation: string,
    operands: Operands,
    fields: Fields,
    more: { lists?: Lists; inPlace?: readonly (readonly [View | undefined, View | undefined])[] } = {},
  ): void {
    const spec = this.kernels.spec(operation);
    const numbers = writeNumbers(spec, fields, more.lists ?? {});
    const { words, reads, writes } = writeOperands(spec, operands);
    if (spec.operands.at(-1)?.access === 'scratch') {
      const bytes = this.kernels.scratchBytes(operation, numbers);
      const scratch = this.allocate('uint8', [Math.max(bytes, 1)], [0]);
      words.push(reference(scratch));
      writes.push(scratch);
    }
    const inPlace = (more.inPlace ?? []).filter((pair): pair is readonly [View, View] => !pair.includes(undefined));
    this.instructions.push({
      operation,
      words: [...numbers, ...words],
      reads: reads.map(({ buffer }) => buffer),
      writes: writes.map(({ buffer }) => buffer),
      inPlace: inPlace.map(([read, written]) => [read.buffer, written.buffer]),
      label: this.#label,
    });
  }

  /** Whether an instruction's kernel holds these fields. */
  takes(operation: string, fields: Fields): boolean {
    return this.kernels
      .spec(operation)
      .fields.every(({ name, least, most }) => fields[name] >= least && fields[name] <= most);
  }

  /** The view without gaps in the given order: itself, or a copy. */
  ordered(view: View, order: Order): View {
    if (isDense(view, order)) return view;
    const copies = this.#copies.get(view) ?? [];
    this.#copies.set(view, copies);
    const known = copies.find((copy) => isDense(copy, order));
    if (known) return known;
    const copy = this.allocate(view.dtype, view.shape, order);
    copies.push(copy);
    this.copy(view, copy);
    return copy;
  }

  plain(view: View): View {
    return this.ordered(view, plainOrder(view.shape.length));
  }

  channelsLast(view: View): View {
    return this.ordered(view, channelsLastOrder(view.shape.length));
  }

  /** Copies the elements of one view into another of its shape. */
  copy(from: View, to: View): void {
    const rank = to.shape.length;
    const axes = plainOrder(rank).toSorted((a, b) => to.strides[b] - to.strides[a]);
    const pick = (values: readonly number[]): number[] => axes.map((axis) => values[axis]);
    const { dims, strides } = collapse(pick(to.shape), [pick(from.strides), pick(to.strides)]);
    const [source, target] = strides;
    const matrices = from.dtype === 'float32' ? asTransposes(dims, source, target) : undefined;
    if (matrices) this.emit('transpose', { x: from, y: to }, matrices);
    else {
      const fields = { bytes: dtypeBytes(from.dtype), rank: dims.length };
      this.emit('copy', { x: from, y: to }, fields, { lists: { dims, from: source, to: target } });
    }
  }

  /** Sets every element to a number. */
  fill(view: View, number: number): void {
    const from = this.constant(scalar(view.dtype, number));
    this.copy({ ...from, shape: view.shape, strides: view.shape.map(() => 0) }, view);
  }
}

function denseView(dtype: DType, shape: readonly number[], order: Order, buffer: Buffer): View {
  return { dtype, shape, strides: denseStrides(shape, order), offset: 0, buffer };
}

/** The fields of a `transpose` where a copy is that of the transposes of n row-major matrices. */
function asTransposes(dims: readonly number[], from: readonly number[], to: readonly number[]): Fields | undefined {
  const [n, columns, rows] = dims.length === 2 ? [1, ...dims] : dims;
  if (dims.length < 2 || dims.length > 3 || !(rows > 1)) return undefined;
  const [, across, down] = dims.length === 2 ? [0, ...from] : from;
  const dense = to.every((step, i) => step === dims.slice(i + 1).reduce((product, d) => product * d, 1));
  const apart = dims.length === 2 || from[0] === rows * columns;
  return dense && apart && across === 1 && down === columns ? { n, rows, columns } : undefined;
}
