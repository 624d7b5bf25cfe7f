import { type Graph, producers, type Shape } from '../../../graph/graph.js';
import type { Tensor } from '../../../graph/tensor.js';
import { TensorProto_DataType as DataType, encodeModel, type GraphProto } from '../../../onnx-proto/index.js';
import type { FileSet, WriteOptions } from '../../format.js';
import { NodeAttributes } from '../attributes.js';
import { withBatch } from '../batch.js';
import type { PooledConstant } from '../constant-pool.js';
import { ROUNDING_TYPES } from '../element-types.js';
import { foldNode } from '../folding/index.js';
import type { Known } from '../known.js';
import { liveNodes } from '../live-nodes.js';
import type { LoweredModel } from '../lower-model.js';
import { mergedShape } from '../lowering.js';
import type { OnnxFile } from '../onnx-file.js';
import { findOnnxOp } from '../ops/index.js';
import type { SpareBias } from '../spare-biases.js';
import { writeExternalData } from './external-data.js';
import { FileTensors, knownOf, sameTensor } from './file-tensors.js';
import { NodePatch, type PatchContext } from './node-patch.js';
import { updateValueInfos } from './value-infos.js';

export interface WriteSource {
  readonly files: FileSet;
  /** Decoded anew, so that it can be patched. */
  readonly file: OnnxFile;
  readonly lowered: LoweredModel;
}

/** The user's files with the tensors, counts and outputs of `graph`; see {@link LoadedModel.write}. */
export async function writeModel(
  source: WriteSource,
  graph: Graph,
  options: WriteOptions = {},
): Promise<Map<string, Uint8Array>> {
  const { file, files } = source;
  new Patching(source, graph, options).patch();
  const external = writeExternalData(file);
  const written = new Map<string, Uint8Array>();
  const bytes = encodeModel(file.model);
  for (const name of files.names) {
    written.set(name, name === file.path ? bytes : (external.get(name) ?? (await files.read(name))));
  }
  return written;
}

/** One run of the writer: the file's graph, and what is known of its values before and after. */
class Patching implements PatchContext {
  readonly opset: number;
  readonly batch: number | undefined;
  readonly tensors: FileTensors;
  readonly #file: GraphProto;
  readonly #lowered: LoweredModel;
  readonly #graph: Graph;
  readonly #dequantized: boolean;
  /** By their index when the file was read. */
  readonly #nodes: readonly GraphProto['node'][number][];
  readonly #known = new Map<string, Known>();
  readonly #makers: Record<'before' | 'after', ReturnType<typeof producers>>;
  readonly #constants = new Map<string, PooledConstant[]>();

  constructor({ file, lowered }: WriteSource, graph: Graph, { dequantized = false }: WriteOptions) {
    this.opset = file.opset;
    this.batch = lowered.batch.extent;
    this.tensors = new FileTensors(file.graph, file.model.irVersion);
    this.#file = file.graph;
    this.#nodes = [...file.graph.node];
    this.#lowered = lowered;
    this.#graph = graph;
    this.#dequantized = dequantized;
    this.#makers = { before: producers(lowered.graph), after: producers(graph) };
    for (const constant of lowered.constants) {
      // What nothing kept reads is not in the graph any more.
      if (!graph.constants.has(constant.id)) continue;
      this.#constants.set(constant.name, [...(this.#constants.get(constant.name) ?? []), constant]);
    }
  }

  patch(): void {
    const outputs = this.#graph.outputs.map((output) => output.name);
    const unread = this.#unreadInitializers();
    const live = liveNodes(this.#file, outputs);
    for (const { name } of this.#file.initializer) {
      const binding = this.#lowered.bindings.get(name);
      if (binding && 'known' in binding) this.#known.set(name, binding.known);
      this.#patchConstants(name);
    }
    this.#nodes.forEach((node, i) => {
      if (!live.has(i)) return;
      const emitted = this.#lowered.emitted[i];
      if (emitted === undefined) this.#refold(node);
      else if (emitted.length > 0) {
        findOnnxOp(node.domain, node.opType)?.patch?.(new NodePatch(node, emitted, this));
      }
    });
    for (const spare of this.#lowered.spares) this.#addBias(spare, live);
    this.#file.output = outputs.map((name) => this.#file.output.find((info) => info.name === name)!);
    this.#dropDead(outputs, unread);
    updateValueInfos(
      this.#file,
      (name) => this.#inFile(this.#shapeIn(this.#lowered.graph, name)),
      (name) => this.#inFile(this.#shapeIn(this.#graph, name)),
    );
  }

  shapeBefore(name: string): Shape {
    return this.#shapeIn(this.#lowered.graph, name) ?? this.knownBefore(name)?.shape ?? [];
  }

  shapeAfter(name: string): Shape {
    return this.#shapeIn(this.#graph, name) ?? this.#known.get(name)?.shape ?? this.shapeBefore(name);
  }

  knownBefore(name: string): Known | undefined {
    const binding = this.#lowered.bindings.get(name);
    return binding && 'known' in binding ? binding.known : undefined;
  }

  knownAfter(name: string): Known | undefined {
    return this.#known.get(name);
  }

  nodeBefore(value: string) {
    return this.#makers.before.get(value);
  }

  nodeAfter(value: string) {
    return this.#makers.after.get(value);
  }

  /** With the batch that the file is made for. */
  #inFile(shape: Shape | undefined): Shape | undefined {
    const { batch } = this;
    return batch === undefined ? shape : shape?.map((d) => withBatch(d, batch));
  }

  #shapeIn(graph: Graph, name: string): Shape | undefined {
    const binding = this.#lowered.bindings.get(name);
    const spec = binding && 'value' in binding ? graph.values.get(binding.value) : undefined;
    return spec && mergedShape(spec.shape, (binding as { groups?: number[][] }).groups);
  }

  /** Computes what was known when the file was read anew, from what the patched file has. */
  #refold(node: GraphProto['node'][number]): void {
    const [name] = node.output.filter((output) => output !== '');
    const known = foldNode(node.opType, {
      label: `${node.opType} ${node.name || name}`,
      attrs: new NodeAttributes(node, node.name || name),
      opset: this.opset,
      inputs: node.input.map((input) => this.#known.get(input)),
      shape: (i) => this.shapeAfter(node.input[i]),
    });
    if (known) this.#known.set(name, known);
    this.#patchConstants(name);
  }

  /**
   * Gives a value of the file the data that the graph has for it. Where it is several constants of the graph that now
   * differ, the first keeps the name.
   */
  #patchConstants(name: string): void {
    const variants = this.#constants.get(name);
    if (!variants) return;
    const elementType = this.#writtenType(name);
    const current = this.#known.get(name)?.tensor;
    const [first, ...others] = variants.map((constant) => ({
      constant,
      tensor: this.#graph.constants.get(constant.id)!.tensor,
    }));
    const retyped = elementType !== this.tensors.elementType(name);
    if (!current || retyped || !sameTensor(current, first.tensor)) this.#replace(name, first.tensor, elementType);
    const added: { tensor: Tensor; name: string }[] = [{ tensor: first.tensor, name }];
    for (const { constant, tensor } of others) {
      let place = added.find((a) => sameTensor(a.tensor, tensor));
      if (!place) {
        place = { tensor, name: this.tensors.add(name, tensor, elementType) };
        added.push(place);
      }
      for (const use of constant.uses) this.#rename(use, place.name);
    }
  }

  /** Gives nodes of the file the bias that the graph has for them: as their third input, or in an `Add` behind them. */
  #addBias({ id, weights, nodes }: SpareBias, live: ReadonlySet<number>): void {
    const bias = this.#graph.constants.get(id);
    if (!bias) return;
    const name = this.tensors.add(id, bias.tensor, this.#writtenType(weights));
    for (const i of nodes) {
      if (!live.has(i)) continue;
      const node = this.#nodes[i];
      if (node.opType === 'MatMul') this.tensors.addBehind(node, 'Add', name);
      else node.input[2] = name;
    }
  }

  #replace(name: string, tensor: Tensor, elementType: DataType): void {
    const maker = this.tensors.producer(name);
    this.#known.set(name, knownOf(tensor));
    if (maker?.opType === 'ConstantOfShape' && !this.#dequantized && this.#isFilledAsBefore(name, tensor)) {
      new NodePatch(maker, [], this).setInput(0, tensor.shape);
    } else this.tensors.replace(name, tensor, elementType);
  }

  #isFilledAsBefore(name: string, { data }: Tensor): boolean {
    const filling = this.knownBefore(name)?.tensor.data[0];
    return (data as Float32Array).every((value) => value === filling);
  }

  #rename(use: { node: number; input: number }, name: string): void {
    const node = this.#nodes[use.node];
    if (node) node.input[use.input] = name;
  }

  #writtenType(name: string): DataType {
    const type = this.tensors.elementType(name);
    return this.#dequantized && ROUNDING_TYPES.has(type) ? DataType.FLOAT : type;
  }

  #unreadInitializers(): ReadonlySet<string> {
    const read = new Set(this.#file.node.flatMap((node) => node.input));
    return new Set(this.#file.initializer.map((t) => t.name).filter((name) => !read.has(name)));
  }

  /** Nodes and tensors that no kept output is computed from go, but for tensors that nothing ever read. */
  #dropDead(outputs: readonly string[], unread: ReadonlySet<string>): void {
    const file = this.#file;
    const live = liveNodes(file, outputs);
    file.node = file.node.filter((_, i) => live.has(i));
    const read = new Set([...outputs, ...file.node.flatMap((node) => node.input)]);
    const wasInitializer = new Set(file.initializer.map((t) => t.name));
    file.initializer = file.initializer.filter(({ name }) => read.has(name) || unread.has(name));
    const initializers = new Set(file.initializer.map((t) => t.name));
    const inputs = new Set(this.#graph.inputs);
    file.input = file.input.filter(({ name }) =>
      wasInitializer.has(name) ? initializers.has(name) : inputs.has(name),
    );
    const made = new Set(file.node.flatMap((node) => node.output));
    file.valueInfo = file.valueInfo.filter(({ name }) => made.has(name) || initializers.has(name) || inputs.has(name));
  }
}
