import { EspalierError } from '../../errors.js';
import type { GraphBuilder } from '../../graph/builder.js';
import { dimProduct, toDim } from '../../graph/dims.js';
import type { Attrs, ConstantRole, Dim, Shape, TensorSpec } from '../../graph/graph.js';
import { OpError } from '../../graph/op-spec.js';
import { type DType, tensor } from '../../graph/tensor.js';
import type { NodeProto, TensorProto } from '../../onnx-proto/index.js';
import { NodeAttributes } from './attributes.js';
import { BATCH, type BatchReading } from './batch.js';
import type { ConstantPool } from './constant-pool.js';
import { decodeComputed } from './element-types.js';
import type { FoldInput } from './folding/index.js';
import type { Known } from './known.js';
import type { NodeNames } from './layer-names.js';
import type { LayerWarnings } from './layer-warnings.js';
import type { SpareBiases } from './spare-biases.js';

/** What a value of the file is: data that are known, or a value of the graph. */
export type Binding = { readonly known: Known } | GraphBinding;

export interface GraphBinding {
  readonly value: string;
  /** For each axis of the file's value, the axes of the graph's; absent where they are the same. */
  readonly groups?: readonly (readonly number[])[];
}

/** What the whole model's lowering gathers. */
export interface LoweringState {
  readonly builder: GraphBuilder;
  readonly opset: number;
  readonly domains: ReadonlyMap<string, number>;
  readonly batch: BatchReading;
  readonly bindings: Map<string, Binding>;
  readonly constants: ConstantPool;
  /** Absent: layers without a bias have none. */
  readonly spares: SpareBiases | undefined;
  readonly warnings: LayerWarnings;
  /** Declared types of values, as far as the file has them. */
  readonly declared: ReadonlyMap<string, TensorSpec>;
  /** Names of the values that something reads. */
  readonly read: ReadonlySet<string>;
}

/** Of one axis: what is known of its indices is kept one by one. */
const MOST_INDICES = 2 ** 24;

/** @throws EspalierError SHAPE_OVERFLOW for an axis of more indices than can be told apart */
export function checkExtents(label: string, shape: Shape): void {
  if (!shape.some((d) => typeof d === 'number' && d > MOST_INDICES)) return;
  throw new EspalierError('SHAPE_OVERFLOW', `${label}: shape [${shape}]; an axis may have ${MOST_INDICES} indices`);
}

/** The shape that the file gives a value, from that of the graph's value. */
export function mergedShape(shape: Shape, groups: GraphBinding['groups']): readonly Dim[] {
  return groups ? groups.map((axes) => toDim(dimProduct(axes.map((a) => shape[a])))) : shape;
}

/** What a node's lowering may do: read its attributes and inputs, add nodes, bind its outputs. */
export class NodeLowering implements FoldInput {
  readonly node: NodeProto;
  readonly attrs: NodeAttributes;
  readonly label: string;
  /** First outputs of the graph's nodes that this node became. */
  readonly emitted: string[] = [];
  readonly #state: LoweringState;
  readonly #index: number;
  readonly #names: NodeNames;

  constructor(node: NodeProto, index: number, names: NodeNames, state: LoweringState) {
    this.node = node;
    this.#index = index;
    this.#names = names;
    this.#state = state;
    this.label = `layer ${names.layer} (${node.opType})`;
    this.attrs = new NodeAttributes(node, this.label);
  }

  get opset(): number {
    return this.#state.opset;
  }

  get state(): LoweringState {
    return this.#state;
  }

  get inputCount(): number {
    return this.node.input.length;
  }

  has(i: number): boolean {
    return (this.node.input[i] ?? '') !== '';
  }

  /** Whether anything reads an output. */
  wants(output: number): boolean {
    const name = this.node.output[output] ?? '';
    return name !== '' && this.#state.read.has(name);
  }

  get inputs(): readonly (Known | undefined)[] {
    return this.node.input.map((_, i) => this.known(i));
  }

  known(i: number): Known | undefined {
    const binding = this.has(i) ? this.#binding(i) : undefined;
    return binding && 'known' in binding ? binding.known : undefined;
  }

  /** An input's shape in the file. */
  shape(i: number): Shape {
    const binding = this.#binding(i);
    if ('known' in binding) return binding.known.shape;
    return mergedShape(this.#state.builder.spec(binding.value).shape, binding.groups);
  }

  rank(i: number): number {
    return this.shape(i).length;
  }

  dtype(i: number): DType {
    const binding = this.#binding(i);
    return 'known' in binding ? binding.known.dtype : this.#state.builder.spec(binding.value).dtype;
  }

  specOf(value: string) {
    return this.#state.builder.spec(value);
  }

  /** An input as a value of the graph; a constant is this node's own. */
  value(i: number, role: ConstantRole = 'literal'): string {
    const binding = this.#binding(i);
    if ('known' in binding) {
      const sharers = binding.known.size > 1 ? `node ${this.#index}` : '';
      return this.#constant(i, binding.known, sharers, role);
    }
    if (!binding.groups) return binding.value;
    const { shape } = this.#state.builder.spec(binding.value);
    const merged = this.reshaped(binding.value, mergedShape(shape, binding.groups));
    this.#state.bindings.set(this.node.input[i], { value: merged });
    return merged;
  }

  /** An input that is a weight of a layer, shared by all nodes that read the same ones in the places `main`. */
  weight(i: number, main: readonly number[], role: ConstantRole = 'parameter'): string {
    const known = this.known(i);
    if (!known) return this.value(i);
    if (known.dtype !== 'float32') return this.value(i);
    const sharers = `${this.node.opType} ${main.map((at) => this.node.input[at] ?? '').join(' ')}`;
    return this.#constant(i, known, sharers, role);
  }

  /** A bias of zeros for each output of weights (input 1); none where spare ones aren't wanted, or the weights aren't known. */
  spareBias(outputs: number): string[] {
    const known = this.known(1);
    // What is wrong with the weights is said elsewhere.
    const isSound = known?.dtype === 'float32' && Number.isInteger(outputs) && outputs <= known.size;
    if (!this.#state.spares || !isSound) return [];
    return [this.#state.spares.get(this.node.opType, this.node.input[1], this.#index, outputs)];
  }

  /** An input as the graph keeps it, with the batch an axis of its own. */
  unmerged(i: number): Required<GraphBinding> {
    const binding = this.#binding(i);
    const value = 'known' in binding ? this.value(i) : binding.value;
    const groups = 'known' in binding ? undefined : binding.groups;
    return { value, groups: groups ?? this.specOf(value).shape.map((_, axis) => [axis]) };
  }

  /** The numbers of an input. @throws EspalierError LAYER_UNSUPPORTED when they are computed when the model runs */
  numbers(i: number, what: string): readonly number[] {
    const known = this.known(i);
    const numbers = known?.numbers;
    if (numbers) return numbers;
    throw this.unsupported(
      known ? `its ${what} depend on extents that are not known` : `its ${what} are computed as it runs`,
    );
  }

  /** The same, where symbols are allowed. */
  extents(i: number, what: string): readonly Dim[] {
    const entries = this.known(i)?.entries;
    if (!entries) throw this.unsupported(`its ${what} is computed as it runs`);
    return entries;
  }

  axis(axis: number, rank: number): number {
    const positive = axis < 0 ? axis + rank : axis;
    if (!(positive >= 0 && positive < rank)) throw this.invalid(`axis ${axis} is out of range for ${rank} axes`);
    return positive;
  }

  /** Adds a node to the graph, and gives its output. */
  emit(op: string, inputs: readonly string[], attrs: Attrs = {}): string {
    const name = this.emitted.length === 0 ? this.#names.node : `${this.#names.node}/${op}`;
    try {
      const id = this.#state.builder.op(op, inputs, attrs, { name, layer: this.#names.layer });
      this.emitted.push(id);
      checkExtents(this.label, this.specOf(id).shape);
      return id;
    } catch (cause) {
      if (!(cause instanceof OpError)) throw cause;
      throw new EspalierError(cause.code, `${this.label}: ${cause.message}`, { cause });
    }
  }

  /** Adds a node that the IR doesn't know. Gives its outputs. */
  emitOpaque(inputs: readonly string[], attrs: Attrs, outputs: number): string[] {
    const name = this.#names.node;
    const ids = this.#state.builder.ops('Opaque', inputs, attrs, { name, layer: this.#names.layer, outputs });
    this.emitted.push(ids[0]);
    return ids;
  }

  /** The one number that a `value` attribute holds. */
  filling(proto: TensorProto): { dtype: DType; value: number } {
    const { dtype, data } = decodeComputed(proto);
    return { dtype, value: Number(data[0] ?? 0) };
  }

  /** A small constant that the op implies. */
  literal(values: readonly number[], shape: readonly number[], dtype: DType = 'float32'): string {
    const { builder } = this.#state;
    return builder.constant(`${this.#names.node}/literal`, tensor(dtype, shape, values), 'literal');
  }

  /** The value in another shape of equal size. */
  reshaped(value: string, to: Shape): string {
    const from = this.specOf(value).shape;
    if (from.length === to.length && to.every((d, i) => d === from[i])) return value;
    const shape = to.map((d, i) => (typeof d === 'number' ? d : d === from[i] ? 0 : -1));
    if (shape.filter((d) => d === -1).length > 1) {
      throw this.unsupported(`reshaping [${from}] to [${to}] moves several extents that are not known`);
    }
    return this.emit('Reshape', [value], { shape });
  }

  /** Binds an output to a value of the graph. */
  result(value: string, output = 0, groups?: GraphBinding['groups']): void {
    const name = this.node.output[output];
    if (name) this.bind(name, groups ? { value, groups } : { value });
  }

  bind(name: string, binding: Binding): void {
    if (this.#state.bindings.has(name)) throw this.invalid(`two nodes make the value ${name}`);
    this.#state.bindings.set(name, binding);
  }

  warn(code: string, message: string): void {
    this.#state.warnings.add(code, this.label, message);
  }

  invalid(message: string): EspalierError {
    return new EspalierError('LAYER_INVALID', `${this.label}: ${message}`);
  }

  unsupported(message: string): EspalierError {
    return new EspalierError('LAYER_UNSUPPORTED', `${this.label}: ${message}`);
  }

  get batch(): BatchReading {
    return this.#state.batch;
  }

  /** A value of the graph that has the batch as its first axis. */
  batched(): string | undefined {
    for (const binding of this.#state.bindings.values()) {
      if ('value' in binding && this.specOf(binding.value).shape[0] === BATCH) return binding.value;
    }
    return undefined;
  }

  #constant(i: number, known: Known, sharers: string, role: ConstantRole): string {
    const use = { node: this.#index, input: i };
    return this.#state.constants.get(this.node.input[i], known, sharers, role, use);
  }

  #binding(i: number): Binding {
    const name = this.node.input[i] ?? '';
    if (name === '') throw this.invalid(`input ${i} is absent`);
    const binding = this.#state.bindings.get(name);
    if (!binding) throw this.invalid(`reads ${name}, which nothing before it makes`);
    return binding;
  }
}
