import { type Graph, getSpec, type Node, type TensorSpec } from '../../graph/graph.js';
import { type DType, type Tensor, tensor } from '../../graph/tensor.js';
import { DATA_TYPES, type NodeProto } from '../../onnx-proto/index.js';
import { CONTRIB, type OnnxAttrs, type OnnxModelBuilder } from './model-builder.js';
import { standIn } from './stand-ins.js';

/** Writes one IR node as ONNX nodes, ending with `x.result(...)`. */
export type Lowering = (x: NodeLowering) => void;
export type LoweringTable = Readonly<Record<string, Lowering>>;

/** What a lowering sees of the node that it lowers, and how it emits ONNX nodes. Values are ONNX names. */
export class NodeLowering {
  readonly node: Node;
  /** ONNX names of the node's inputs, in order; `''` is an absent optional input. */
  readonly inputs: readonly string[];
  /** What the op is computed in, where onnxruntime lacks it for the dtype of its result. */
  readonly #standIn: DType | undefined;
  readonly #graph: Graph;
  readonly #model: OnnxModelBuilder;
  readonly #computed = new Set<number>();

  constructor(graph: Graph, model: OnnxModelBuilder, node: Node) {
    this.node = node;
    this.#graph = graph;
    this.#model = model;
    const { dtype } = this.outputSpec();
    this.#standIn = standIn(node.op, dtype);
    // The condition of a Where is a truth that stays one.
    const first = node.op === 'Where' ? 1 : 0;
    this.inputs = node.inputs.map((id, i) => (this.#standIn && i >= first ? this.#cast(id, this.#standIn) : id));
  }

  #cast(value: string, dtype: DType): string {
    return this.op('Cast', [value], { to: DATA_TYPES[dtype] });
  }

  inputSpec(i: number): TensorSpec {
    return getSpec(this.#graph, this.node.inputs[i]);
  }

  /** The data of input `i`, where they are known. */
  constantInput(i: number): Tensor | undefined {
    return this.#graph.constants.get(this.node.inputs[i])?.tensor;
  }

  outputSpec(): TensorSpec {
    return getSpec(this.#graph, this.node.outputs[0]);
  }

  /** Emits a node with one output, and returns that. */
  op(opType: string, inputs: readonly string[], attrs?: OnnxAttrs): string {
    return this.ops(opType, inputs, 1, attrs)[0];
  }

  /** Emits a node with several outputs. */
  ops(opType: string, inputs: readonly string[], count: number, attrs?: OnnxAttrs): string[] {
    const base = this.#model.freshName(`${this.node.name}/${opType}`);
    const outputs = [base, ...Array.from({ length: count - 1 }, (_, i) => this.#model.freshName(`${base}:${i + 1}`))];
    this.#model.node({ name: base, opType, inputs, outputs, attrs });
    return outputs;
  }

  /**
   * Emits the node that computes output `i` of this IR node, and returns that. Every lowering calls it once an output,
   * for the first one last.
   */
  result(opType: string, inputs: readonly string[], attrs?: OnnxAttrs, i = 0): string {
    this.#computed.add(i);
    const output = this.node.outputs[i];
    const name = i === 0 ? this.node.name : this.#model.freshName(`${this.node.name}/${opType}`);
    if (!this.#standIn) {
      this.#model.node({ name, opType, inputs, outputs: [output], attrs });
      return output;
    }
    const computed = this.op(opType, inputs, attrs);
    const to = DATA_TYPES[this.outputSpec().dtype];
    this.#model.node({ name, opType: 'Cast', inputs: [computed], outputs: [output], attrs: { to } });
    return output;
  }

  /** Emits a node of the user's file as it is, with this IR node's inputs, and its outputs in these places. */
  foreign(proto: NodeProto, outputs: readonly number[], version: number): void {
    for (const i of outputs.keys()) this.#computed.add(i);
    // What nothing reads has a name of its own: only outputs that are optional may have none.
    const names = proto.output.map((name, i) => {
      return (
        this.node.outputs[outputs.indexOf(i)] ?? (name === '' ? '' : this.#model.freshName(`${this.node.name}:${i}`))
      );
    });
    this.#model.foreignNode(proto, this.node.name, this.inputs, names, version);
  }

  get isFinished(): boolean {
    return this.node.outputs.every((_, i) => this.#computed.has(i));
  }

  /** `a · bᵀ` over the last two axes, without a copy of the transpose: onnxruntime's FusedMatMul. float32 only. */
  matMulTransposed(a: string, b: string): string {
    const name = this.#model.freshName(`${this.node.name}/FusedMatMul`);
    const attrs = { transB: 1 };
    this.#model.node({ name, opType: 'FusedMatMul', domain: CONTRIB, inputs: [a, b], outputs: [name], attrs });
    return name;
  }

  /** A constant int64 vector: shapes, pads, axes. */
  ints(values: readonly number[]): string {
    return this.#model.literal(tensor('int64', [values.length], values));
  }

  /** A constant float32 vector: scales. */
  floats(values: readonly number[]): string {
    return this.#model.literal(tensor('float32', [values.length], values));
  }

  /** A constant of the dtype of input `i`. */
  constant(values: readonly number[], shape: readonly number[] = [], i = 0): string {
    return this.#model.literal(tensor(this.#standIn ?? this.inputSpec(i).dtype, shape, values));
  }

  reshape(value: string, shape: readonly number[]): string {
    return this.op('Reshape', [value, this.ints(shape)]);
  }
}
