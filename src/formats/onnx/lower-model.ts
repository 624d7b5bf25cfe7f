import type { Warning } from '../../contract.js';
import { EspalierError } from '../../errors.js';
import { GraphBuilder } from '../../graph/builder.js';
import type { Graph } from '../../graph/graph.js';
import type { GraphProto, NodeProto, TensorProto } from '../../onnx-proto/index.js';
import type { ReadOptions } from '../format.js';
import { type BatchReading, findBatchMixer } from './batch.js';
import { ConstantPool, type PooledConstant } from './constant-pool.js';
import { computedDType, decodeComputed, elementTypeName } from './element-types.js';
import { type FoldInput, foldNode } from './folding/index.js';
import { commonBatch, DeclaredShapes, type OpenExtents, settleOpenExtents } from './input-shapes.js';
import { Known } from './known.js';
import { nodeNames } from './layer-names.js';
import { LayerWarnings } from './layer-warnings.js';
import { liveNodes } from './live-nodes.js';
import { type Binding, type LoweringState, NodeLowering } from './lowering.js';
import type { OnnxFile } from './onnx-file.js';
import { lowerOpaque } from './opaque.js';
import { findOnnxOp } from './ops/index.js';
import { type SpareBias, SpareBiases } from './spare-biases.js';

export interface LoweredModel {
  readonly graph: Graph;
  readonly warnings: readonly Warning[];
  readonly openAxes: OpenExtents['axes'];
  readonly batch: BatchReading;
  /** What each value of the file is. */
  readonly bindings: ReadonlyMap<string, Binding>;
  readonly constants: readonly PooledConstant[];
  /** Biases that the graph has and the file may be given. */
  readonly spares: readonly SpareBias[];
  /** For each node of the file the first outputs of the graph's nodes that it became; undefined for folded and dead ones. */
  readonly emitted: readonly (readonly string[] | undefined)[];
}

/**
 * Lowers a model into the IR. Graph inputs and outputs are the file's, by name.
 * @param options.sampleShape what spatial extents are taken from that the inputs leave open, where it fits
 * @throws EspalierError naming the layer
 */
export function lowerModel(
  file: OnnxFile,
  { sampleShape, spareBiases: hasSpares = false }: ReadOptions = {},
): LoweredModel {
  const extents = settleOpenExtents(file.graph, sampleShape);
  const extent = commonBatch(file.graph);
  if (extent === undefined) return lowerFor(file, extents, { open: false, extent: undefined }, hasSpares);
  const open: BatchReading = { open: true, extent: typeof extent === 'number' ? extent : undefined };
  let reason: unknown;
  try {
    const lowered = lowerFor(file, extents, open, hasSpares);
    const mixer = open.extent === undefined ? undefined : findBatchMixer(lowered.graph);
    if (!mixer) return lowered;
    reason = new EspalierError('LAYER_UNSUPPORTED', `layer ${mixer.layer ?? mixer.name} mixes the samples of a batch`);
  } catch (error) {
    if (!(error instanceof EspalierError)) throw error;
    reason = error;
  }
  if (open.extent === undefined) throw reason;
  const lowered = lowerFor(file, extents, { open: false, extent: open.extent }, hasSpares);
  const why = reason instanceof Error ? reason.message : String(reason);
  const warning = {
    code: 'BATCH_FIXED',
    message: `the model runs in batches of ${open.extent} only, as exported: ${why}`,
  };
  return { ...lowered, warnings: [...lowered.warnings, warning] };
}

function lowerFor(file: OnnxFile, extents: OpenExtents, batch: BatchReading, hasSpares: boolean): LoweredModel {
  const { graph } = file;
  if (graph.sparseInitializer.length > 0) {
    throw new EspalierError('LAYER_UNSUPPORTED', 'the model has sparse initializers, which are not read');
  }
  checkNames(graph);
  const builder = new GraphBuilder(graph.name || 'model');
  const bindings = new Map<string, Binding>();
  const warnings = new LayerWarnings();
  const declared = new DeclaredShapes(graph, extents, batch.open);
  const live = liveNodes(
    graph,
    graph.output.map((info) => info.name),
  );
  const read = new Set([
    ...graph.output.map((info) => info.name),
    ...graph.node.flatMap((node, i) => (live.has(i) ? node.input : [])),
  ]);
  for (const proto of graph.initializer) bindings.set(proto.name, { known: initializer(proto) });
  for (const info of graph.input) {
    if (bindings.has(info.name)) continue;
    bindings.set(info.name, { value: builder.input(info.name, declared.input(info)) });
  }
  const state: LoweringState = {
    builder,
    opset: file.opset,
    domains: file.domains,
    batch,
    bindings,
    constants: new ConstantPool(builder),
    spares: hasSpares ? new SpareBiases(builder) : undefined,
    warnings,
    declared: declared.values(graph),
    read,
  };
  const names = nodeNames(graph.node, knownWeights(graph.node, bindings));
  const emitted = graph.node.map((node, i) => {
    if (!live.has(i)) return undefined;
    const lowering = new NodeLowering(node, i, names[i], state);
    if (fold(node, lowering)) return undefined;
    const op = findOnnxOp(node.domain, node.opType);
    if (op) op.lower(lowering);
    else lowerOpaque(lowering, 'the operator is not known');
    return lowering.emitted;
  });
  for (const { name } of graph.output) builder.output(name, outputValue(name, state));
  return {
    graph: builder.build(),
    warnings: [...extents.warnings, ...warnings.all],
    openAxes: extents.axes,
    batch,
    bindings,
    constants: state.constants.all,
    spares: state.spares?.all ?? [],
    emitted,
  };
}

function checkNames({ input, output, initializer }: GraphProto): void {
  if (output.length === 0) throw new EspalierError('MODEL_INVALID', 'the model has no outputs');
  for (const [what, list] of Object.entries({ inputs: input, outputs: output, initializers: initializer })) {
    const names = new Set<string>();
    for (const { name } of list) {
      if (name === '') throw new EspalierError('MODEL_INVALID', `one of the model's ${what} has no name`);
      if (names.has(name)) throw new EspalierError('MODEL_INVALID', `two of the model's ${what} are named ${name}`);
      names.add(name);
    }
  }
}

function initializer(proto: TensorProto): Known {
  const dtype = computedDType(proto.dataType);
  if (!dtype) {
    const type = elementTypeName(proto.dataType);
    throw new EspalierError('LAYER_UNSUPPORTED', `initializer ${proto.name} is of type ${type}, which is not read`);
  }
  const shape = proto.dims.map(Number);
  if (shape.some((d) => !(Number.isSafeInteger(d) && d >= 0))) {
    throw new EspalierError('SHAPE_OVERFLOW', `initializer ${proto.name} has shape [${shape}]`);
  }
  return Known.tensor(dtype, shape, true, () => {
    const found = decodeComputed(proto);
    if (found.data instanceof Float32Array) checkFinite(proto.name, found.data);
    return found;
  });
}

function checkFinite(name: string, data: Float32Array): void {
  const odd = data.findIndex((value) => Number.isNaN(value));
  if (odd >= 0) throw new EspalierError('LAYER_INVALID', `initializer ${name} holds ${data[odd]} at place ${odd}`);
}

/** Values that are weights by themselves, or by way of an Identity: exporters leave equal tensors out so. */
function knownWeights(nodes: readonly NodeProto[], bindings: ReadonlyMap<string, Binding>): (value: string) => boolean {
  const views = new Set(nodes.filter((node) => node.opType === 'Identity').flatMap((node) => node.output));
  return (value) => views.has(value) || bindings.has(value);
}

/** Evaluates the node when the model is read, where it can be. */
function fold(node: NodeProto, lowering: NodeLowering): boolean {
  if (node.domain !== '' && node.domain !== 'ai.onnx') return false;
  if (node.output.filter((name) => name !== '').length !== 1) return false;
  const known = foldNode(node.opType, lowering satisfies FoldInput);
  if (known) lowering.bind(node.output[0], { known });
  return known !== undefined;
}

function outputValue(name: string, { bindings, constants, builder }: LoweringState): string {
  const binding = bindings.get(name);
  if (!binding) throw new EspalierError('MODEL_INVALID', `nothing makes the output ${name}`);
  if ('known' in binding) return constants.get(name, binding.known, '', 'literal', { node: -1, input: 0 });
  if (!binding.groups) return binding.value;
  const shape = builder.spec(binding.value).shape;
  throw new EspalierError('LAYER_UNSUPPORTED', `output ${name} merges the batch of [${shape}] with other axes`);
}
