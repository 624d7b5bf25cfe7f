import { create } from '@bufbuild/protobuf';
import type { Shape, TensorSpec } from '../../graph/graph.js';
import type { Tensor } from '../../graph/tensor.js';
import {
  type AttributeProto,
  AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  DATA_TYPES,
  encodeModel,
  encodeTensor,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from '../../onnx-proto/index.js';

export const OPSET = 17;
const IR_VERSION = 8n;
/** onnxruntime's own operators, such as FusedMatMul. */
export const CONTRIB = 'com.microsoft';

/** An ONNX attribute: a number is an int, so that a float says that it is one. */
export type OnnxAttr = number | string | readonly number[] | { readonly float: number };
export type OnnxAttrs = Readonly<Record<string, OnnxAttr>>;

export interface OnnxNode {
  readonly name: string;
  readonly opType: string;
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attrs?: OnnxAttrs;
}

/** Collects the parts of one ONNX model, in topological order, and encodes it. */
export class OnnxModelBuilder {
  readonly #name: string;
  readonly #names = new Set<string>();
  readonly #literals = new Map<string, string>();
  readonly #nodes: NodeProto[] = [];
  readonly #initializers: TensorProto[] = [];
  readonly #inputs: ValueInfoProto[] = [];
  readonly #outputs: ValueInfoProto[] = [];
  readonly #domains = new Map<string, number>();

  constructor(name: string) {
    this.#name = name;
  }

  /** Keeps a name from being given to anything else. */
  reserve(name: string): void {
    this.#names.add(name);
  }

  /** A name that nothing has yet, beginning with `base`. */
  freshName(base: string): string {
    let name = base;
    for (let i = 1; this.#names.has(name); i++) name = `${base}_${i}`;
    this.#names.add(name);
    return name;
  }

  input(name: string, spec: TensorSpec): void {
    this.#inputs.push(valueInfo(name, spec));
  }

  output(name: string, spec: TensorSpec): void {
    this.#outputs.push(valueInfo(name, spec));
  }

  initializer(name: string, tensor: Tensor): void {
    this.#initializers.push(encodeTensor(name, tensor));
  }

  /** An initializer for a small constant of a lowering; equal ones are shared. */
  literal(tensor: Tensor): string {
    const key = `${tensor.dtype}[${tensor.shape}]${tensor.data.join()}`;
    const known = this.#literals.get(key);
    if (known !== undefined) return known;
    const name = this.freshName(`literal_${this.#literals.size}`);
    this.#literals.set(key, name);
    this.initializer(name, tensor);
    return name;
  }

  get nodeCount(): number {
    return this.#nodes.length;
  }

  nodeNamesFrom(first: number): string[] {
    return this.#nodes.slice(first).map(({ name }) => name);
  }

  node(node: OnnxNode): void {
    this.#nodes.push(
      create(NodeProtoSchema, {
        name: node.name,
        opType: node.opType,
        domain: node.domain ?? '',
        input: [...node.inputs],
        output: [...node.outputs],
        attribute: Object.entries(node.attrs ?? {}).map(([name, value]) => attribute(name, value)),
      }),
    );
  }

  /** A node of the user's file, between other values. Its operators are of the version that the file says. */
  foreignNode(
    proto: NodeProto,
    name: string,
    inputs: readonly string[],
    outputs: readonly string[],
    version: number,
  ): void {
    if (proto.domain !== '' && proto.domain !== CONTRIB) this.#domains.set(proto.domain, version);
    this.#nodes.push({ ...proto, name, input: [...inputs], output: [...outputs] });
  }

  encode(): Uint8Array<ArrayBuffer> {
    return encodeModel(
      create(ModelProtoSchema, {
        irVersion: IR_VERSION,
        producerName: 'espalier',
        opsetImport: [
          { domain: '', version: BigInt(OPSET) },
          { domain: CONTRIB, version: 1n },
          ...[...this.#domains].map(([domain, version]) => ({ domain, version: BigInt(version) })),
        ],
        graph: create(GraphProtoSchema, {
          name: this.#name,
          node: this.#nodes,
          initializer: this.#initializers,
          input: this.#inputs,
          output: this.#outputs,
        }),
      }),
    );
  }
}

function attribute(name: string, value: OnnxAttr): AttributeProto {
  if (typeof value === 'number') {
    return create(AttributeProtoSchema, { name, type: AttributeType.INT, i: BigInt(value) });
  }
  if (typeof value === 'string') {
    return create(AttributeProtoSchema, { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) });
  }
  if ('float' in value) return create(AttributeProtoSchema, { name, type: AttributeType.FLOAT, f: value.float });
  return create(AttributeProtoSchema, { name, type: AttributeType.INTS, ints: value.map(BigInt) });
}

function valueInfo(name: string, spec: TensorSpec): ValueInfoProto {
  return create(ValueInfoProtoSchema, {
    name,
    type: {
      value: {
        case: 'tensorType',
        value: { elemType: DATA_TYPES[spec.dtype], shape: { dim: dimensions(spec.shape) } },
      },
    },
  });
}

function dimensions(shape: Shape) {
  return shape.map((d) => ({
    value:
      typeof d === 'number' ? { case: 'dimValue' as const, value: BigInt(d) } : { case: 'dimParam' as const, value: d },
  }));
}
