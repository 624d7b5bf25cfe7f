import { create } from '@bufbuild/protobuf';
import { EspalierError } from '../../../errors.js';
import { getExtents } from '../../../graph/dims.js';
import type { Dim, Node, Shape } from '../../../graph/graph.js';
import { tensor } from '../../../graph/tensor.js';
import {
  AttributeProtoSchema,
  TensorProto_DataType as DataType,
  type NodeProto,
  AttributeProto_AttributeType as Type,
} from '../../../onnx-proto/index.js';
import { NodeAttributes } from '../attributes.js';
import { withBatch } from '../batch.js';
import type { Known } from '../known.js';
import { attribute, type FileTensors } from './file-tensors.js';

/** What a patch may look at: values by their names in the file, before and after pruning. */
export interface PatchContext {
  readonly opset: number;
  /** The batch that the file is made for; undefined when it is open. */
  readonly batch: number | undefined;
  readonly tensors: FileTensors;
  shapeBefore(name: string): Shape;
  shapeAfter(name: string): Shape;
  /** Data that were known when the file was read. */
  knownBefore(name: string): Known | undefined;
  /** The same computed anew, from what the patched file has. */
  knownAfter(name: string): Known | undefined;
  nodeBefore(value: string): Node | undefined;
  nodeAfter(value: string): Node | undefined;
}

/** One node of the file, and what its patch may change of it. */
export class NodePatch {
  readonly node: NodeProto;
  readonly #emitted: readonly string[];
  readonly #context: PatchContext;

  constructor(node: NodeProto, emitted: readonly string[], context: PatchContext) {
    this.node = node;
    this.#emitted = emitted;
    this.#context = context;
  }

  get opset(): number {
    return this.#context.opset;
  }

  /** The graph's node that the file's became (the first of several), before pruning. */
  before(): Node {
    return this.#found(this.#context.nodeBefore(this.#emitted[0]));
  }

  after(): Node {
    return this.#found(this.#context.nodeAfter(this.#emitted[0]));
  }

  inputBefore(i: number): Shape {
    return this.#context.shapeBefore(this.node.input[i]);
  }

  inputAfter(i: number): Shape {
    return this.#context.shapeAfter(this.node.input[i]);
  }

  outputBefore(i: number): Shape {
    return this.#context.shapeBefore(this.node.output[i]);
  }

  outputAfter(i: number): Shape {
    return this.#context.shapeAfter(this.node.output[i]);
  }

  /** A list that is an attribute, or input `i` where its data are known. */
  list(name: string, input: number): readonly Dim[] | undefined {
    const own = new NodeAttributes(this.node, this.node.opType).ints(name);
    return own ?? this.#context.knownBefore(this.node.input[input] ?? '')?.entries;
  }

  setInt(name: string, value: number): void {
    this.#set(name, { type: Type.INT, i: BigInt(value) });
  }

  setInts(name: string, values: readonly number[]): void {
    this.#set(name, { type: Type.INTS, ints: values.map(BigInt) });
  }

  removeAttribute(name: string): void {
    this.node.attribute = this.node.attribute.filter((a) => a.name !== name);
  }

  /** Changes a list that is an attribute in some opsets and input `i` in others. */
  setList(name: string, input: number, change: (entry: Dim, i: number) => Dim): void {
    if (!attribute(this.node, name)) {
      this.setExtents(input, change);
      return;
    }
    const old = this.list(name, -1)!;
    const changed = old.map(change);
    if (String(changed) !== String(old)) this.setInts(name, getExtents(changed));
  }

  /**
   * Changes the entries of input `i`, a shape. What the file computes by itself, from the extents of other values, is left
   * to it as long as it comes out right.
   * @param open what an extent that isn't known is written as
   */
  setExtents(input: number, change: (entry: Dim, i: number, length: number) => Dim, open = -1): void {
    const name = this.node.input[input];
    const old = this.#context.knownBefore(name)?.entries;
    if (!old) return;
    const wanted = old.map((entry, i) => change(entry, i, old.length));
    const current = this.#context.knownAfter(name)?.entries;
    if (current && String(current) === String(wanted)) return;
    this.setInput(
      input,
      wanted.map((d) => this.#extent(d, open)),
    );
  }

  /** Makes input `i` a constant of these numbers. */
  setInput(i: number, values: readonly number[]): void {
    const { tensors } = this.#context;
    while (this.node.input.length <= i) this.node.input.push('');
    const name = this.node.input[i];
    const inFile = name !== '' && (tensors.isInitializer(name) || tensors.producer(name)?.opType === 'Constant');
    const own = tensor('int64', [values.length], values);
    if (!inFile) {
      this.node.input[i] = tensors.add(`${this.node.output[0]}_extents`, own, DataType.INT64);
      return;
    }
    const elementType = tensors.elementType(name);
    const data = elementType === DataType.INT32 ? tensor('int32', own.shape, values) : own;
    if (tensors.readers(name) === 1) tensors.replace(name, data, elementType);
    else this.node.input[i] = tensors.add(name, data, elementType);
  }

  #extent(dim: Dim, open: number): number {
    if (typeof dim === 'number') return dim;
    const { batch } = this.#context;
    const bound = batch === undefined ? dim : withBatch(dim, batch);
    return typeof bound === 'number' ? bound : open;
  }

  #set(name: string, value: { type: Type; i?: bigint; ints?: bigint[] }): void {
    const own = attribute(this.node, name);
    if (own) Object.assign(own, value);
    else this.node.attribute.push(create(AttributeProtoSchema, { name, ...value }));
  }

  #found(node: Node | undefined): Node {
    if (node) return node;
    throw new EspalierError(
      'INTERNAL',
      `the graph to write has nothing of node ${this.node.name} (${this.node.opType})`,
    );
  }
}
