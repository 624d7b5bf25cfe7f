import { create } from '@bufbuild/protobuf';
import type { Tensor } from '../../../graph/tensor.js';
import {
  type AttributeProto,
  AttributeProtoSchema,
  TensorProto_DataType as DataType,
  type GraphProto,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  AttributeProto_AttributeType as Type,
  ValueInfoProtoSchema,
} from '../../../onnx-proto/index.js';
import { encodeAs } from '../element-types.js';
import { Known } from '../known.js';

/** Models of this IR version and newer may have initializers that are no inputs. */
const FREE_INITIALIZERS = 4n;

/** The tensors of a file that is being patched: who reads them, and putting others in their place. */
export class FileTensors {
  readonly #graph: GraphProto;
  readonly #listsInitializers: boolean;
  readonly #initializers: Map<string, TensorProto>;
  readonly #producers = new Map<string, NodeProto>();
  readonly #readers = new Map<string, number>();
  readonly #taken = new Set<string>();

  constructor(graph: GraphProto, irVersion: bigint) {
    this.#graph = graph;
    this.#listsInitializers = irVersion < FREE_INITIALIZERS;
    this.#initializers = new Map(graph.initializer.map((t) => [t.name, t]));
    for (const node of graph.node) {
      for (const name of node.output) this.#producers.set(name, node);
      for (const name of node.input) this.#readers.set(name, (this.#readers.get(name) ?? 0) + 1);
    }
    for (const { name } of graph.output) this.#readers.set(name, (this.#readers.get(name) ?? 0) + 1);
    for (const name of [...this.#initializers.keys(), ...this.#producers.keys(), ...graph.input.map((i) => i.name)]) {
      this.#taken.add(name);
    }
    for (const { name } of graph.node) this.#taken.add(name);
  }

  producer(name: string): NodeProto | undefined {
    return this.#producers.get(name);
  }

  isInitializer(name: string): boolean {
    return this.#initializers.has(name);
  }

  /** How many places of the file, as it was read, read a value. */
  readers(name: string): number {
    return this.#readers.get(name) ?? 0;
  }

  /** The type in which the file has a value, which is the type that whatever takes its place must have. */
  elementType(name: string): DataType {
    const own = this.#initializers.get(name);
    if (own) return own.dataType;
    const node = this.#producers.get(name);
    if (!node) return DataType.FLOAT;
    const value = attribute(node, 'value')?.t;
    if (value) return value.dataType;
    const to = attribute(node, 'to');
    if (node.opType === 'Cast' && to) return Number(to.i);
    const isMade = node.opType === 'Constant' || node.opType === 'ConstantOfShape' || node.input.length === 0;
    return isMade ? DataType.FLOAT : this.elementType(node.input[0]);
  }

  /** Puts a node of two inputs between a node and all that read its output, which keep the output's name. */
  addBehind(node: NodeProto, opType: string, other: string): void {
    const [output] = node.output;
    // What is called by its output would have another name.
    if (node.name === '') node.name = output;
    const inner = this.#unused(`${output}_without_bias`);
    node.output[0] = inner;
    const name = this.#unused(`${node.name}/${opType}`);
    const added = create(NodeProtoSchema, { name, opType, input: [inner, other], output: [output] });
    this.#graph.node.splice(this.#graph.node.indexOf(node) + 1, 0, added);
    this.#producers.set(inner, node);
    this.#producers.set(output, added);
  }

  /** Replaces the data of an initializer or of a `Constant`; anything else becomes an initializer, its node is taken out. */
  replace(name: string, tensor: Tensor, elementType: DataType): void {
    const proto = encodeAs(name, tensor, elementType);
    const own = this.#initializers.get(name);
    const node = this.#producers.get(name);
    if (own) overwrite(own, proto);
    else if (node?.opType === 'Constant') {
      node.attribute = [create(AttributeProtoSchema, { name: 'value', type: Type.TENSOR, t: { ...proto, name: '' } })];
    } else {
      if (node) this.#graph.node.splice(this.#graph.node.indexOf(node), 1);
      this.#producers.delete(name);
      this.#addInitializer(proto);
    }
  }

  /** A new initializer. Gives its name. */
  add(base: string, tensor: Tensor, elementType: DataType): string {
    const name = this.#unused(base);
    this.#addInitializer(encodeAs(name, tensor, elementType));
    return name;
  }

  #unused(base: string): string {
    let name = base;
    for (let i = 2; this.#taken.has(name); i++) name = `${base}_${i}`;
    this.#taken.add(name);
    return name;
  }

  #addInitializer(proto: TensorProto): void {
    this.#taken.add(proto.name);
    this.#initializers.set(proto.name, proto);
    this.#graph.initializer.push(proto);
    if (!this.#listsInitializers) return;
    const dim = proto.dims.map((value) => ({ value: { case: 'dimValue' as const, value } }));
    const value = { elemType: proto.dataType, shape: { dim } };
    this.#graph.input.push(
      create(ValueInfoProtoSchema, { name: proto.name, type: { value: { case: 'tensorType', value } } }),
    );
  }
}

/** Its name, and fields that this schema doesn't know, stay. */
function overwrite(own: TensorProto, proto: TensorProto): void {
  const { dims, dataType, rawData } = proto;
  Object.assign(own, {
    dims,
    dataType,
    rawData,
    floatData: [],
    int32Data: [],
    int64Data: [],
    doubleData: [],
    uint64Data: [],
  });
}

export function attribute(node: NodeProto, name: string): AttributeProto | undefined {
  return node.attribute.find((a) => a.name === name);
}

/** Equal in shape and in every element. */
export function sameTensor(a: Tensor, b: Tensor): boolean {
  if (a === b) return true;
  if (a.dtype !== b.dtype || String(a.shape) !== String(b.shape)) return false;
  const [p, q] = [a.data, b.data];
  if (p === q) return true;
  for (let i = 0; i < p.length; i++) if (p[i] !== q[i]) return false;
  return true;
}

export function knownOf(tensor: Tensor): Known {
  return Known.tensor(tensor.dtype, tensor.shape, true, () => tensor);
}
