import { EspalierError } from '../../errors.js';
import { GraphBuilder } from '../../graph/builder.js';
import type { Dim, Graph, TensorSpec } from '../../graph/graph.js';
import type { GraphProto, NodeProto, TensorProto, ValueInfoProto } from '../../onnx-proto/index.js';
import type { Warning } from '../format.js';
import { BATCH, type BatchReading, findBatchMixer } from './batch.js';
import { ConstantPool, type PooledConstant } from './constant-pool.js';
import { computedDType, decodeComputed, elementTypeName } from './element-types.js';
import { type FoldInput, foldNode } from './folding/index.js';
import { Known } from './known.js';
import { nodeNames } from './layer-names.js';
import { liveNodes } from './live-nodes.js';
import { type Binding, checkExtents, type LoweringState, NodeLowering } from './lowering.js';
import type { OnnxFile } from './onnx-file.js';
import { lowerOpaque } from './opaque.js';
import { findOnnxOp } from './ops/index.js';

export interface LoweredModel {
  readonly graph: Graph;
  readonly warnings: readonly Warning[];
  readonly batch: BatchReading;
  /** What each value of the file is. */
  readonly bindings: ReadonlyMap<string, Binding>;
  readonly constants: readonly PooledConstant[];
  /** For each node of the file the first outputs of the graph's nodes that it became; undefined for folded and dead ones. */
  readonly emitted: readonly (readonly string[] | undefined)[];
}

/**
 * Lowers a model into the IR. Graph inputs and outputs are the file's, by name.
 * @throws EspalierError naming the layer
 */
export function lowerModel(file: OnnxFile): LoweredModel {
  const extent = commonBatch(file);
  if (extent === undefined) return lowerFor(file, { open: false, extent: undefined });
  const open: BatchReading = { open: true, extent: typeof extent === 'number' ? extent : undefined };
  let reason: unknown;
  try {
    const lowered = lowerFor(file, open);
    const mixer = open.extent === undefined ? undefined : findBatchMixer(lowered.graph);
    if (!mixer) return lowered;
    reason = new EspalierError('LAYER_UNSUPPORTED', `layer ${mixer.layer ?? mixer.name} mixes the samples of a batch`);
  } catch (error) {
    if (!(error instanceof EspalierError)) throw error;
    reason = error;
  }
  if (open.extent === undefined) throw reason;
  const lowered = lowerFor(file, { open: false, extent: open.extent });
  const why = reason instanceof Error ? reason.message : String(reason);
  const warning = {
    code: 'BATCH_FIXED',
    message: `the model runs in batches of ${open.extent} only, as exported: ${why}`,
  };
  return { ...lowered, warnings: [...lowered.warnings, warning] };
}

/** What all inputs have as their first extent: a number, or a name of one; undefined when there is no such thing. */
function commonBatch({ graph }: OnnxFile): Dim | undefined {
  const initialized = new Set(graph.initializer.map((t) => t.name));
  const shapes = graph.input.filter(({ name }) => !initialized.has(name)).map((info) => tensorType(info)?.shape?.dim);
  if (shapes.length === 0 || shapes.some((dims) => !dims || dims.length < 2)) return undefined;
  const firsts = shapes.map((dims) => {
    const { value } = dims![0];
    return value.case === 'dimValue' && value.value > 0n ? Number(value.value) : BATCH;
  });
  return firsts.every((d) => d === firsts[0]) ? firsts[0] : undefined;
}

function tensorType(info: ValueInfoProto) {
  return info.type?.value.case === 'tensorType' ? info.type.value.value : undefined;
}

function lowerFor(file: OnnxFile, batch: BatchReading): LoweredModel {
  const { graph } = file;
  if (graph.sparseInitializer.length > 0) {
    throw new EspalierError('LAYER_UNSUPPORTED', 'the model has sparse initializers, which are not read');
  }
  checkNames(graph);
  const builder = new GraphBuilder(graph.name || 'model');
  const bindings = new Map<string, Binding>();
  const warnings: Warning[] = [];
  const symbols = batchSymbols(file, batch);
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
    const spec = inputSpec(info, batch, symbols);
    bindings.set(info.name, { value: builder.input(info.name, spec) });
  }
  const state: LoweringState = {
    builder,
    opset: file.opset,
    domains: file.domains,
    batch,
    bindings,
    constants: new ConstantPool(builder),
    warnings,
    declared: declaredSpecs(file, symbols),
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
  return { graph: builder.build(), warnings, batch, bindings, constants: state.constants.all, emitted };
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

/** The symbol that each name of an extent stands for. */
function batchSymbols({ graph }: OnnxFile, { open }: BatchReading): ReadonlyMap<string, string> {
  const symbols = new Map<string, string>();
  if (!open) return symbols;
  for (const info of graph.input) {
    const value = tensorType(info)?.shape?.dim[0]?.value;
    if (value?.case === 'dimParam' && value.value !== '') symbols.set(value.value, BATCH);
  }
  return symbols;
}

function inputSpec(info: ValueInfoProto, { open }: BatchReading, symbols: ReadonlyMap<string, string>): TensorSpec {
  const type = tensorType(info);
  if (!type) throw new EspalierError('LAYER_UNSUPPORTED', `input ${info.name} is no tensor`);
  const dtype = computedDType(type.elemType);
  if (!dtype) {
    throw new EspalierError('LAYER_UNSUPPORTED', `input ${info.name} is of type ${elementTypeName(type.elemType)}`);
  }
  if (!type.shape) throw new EspalierError('LAYER_UNSUPPORTED', `input ${info.name} has no declared shape`);
  const shape = type.shape.dim.map(({ value }, axis): Dim => {
    if (axis === 0 && open) return BATCH;
    return dimOf(value, symbols) ?? symbol(`${info.name}_${axis}`);
  });
  if (shape.some((d) => typeof d === 'number' && !(Number.isSafeInteger(d) && d > 0))) {
    throw new EspalierError('SHAPE_OVERFLOW', `input ${info.name} has shape [${shape}]`);
  }
  checkExtents(`input ${info.name}`, shape);
  return { dtype, shape };
}

function dimOf(
  value:
    | { case: 'dimValue'; value: bigint }
    | { case: 'dimParam'; value: string }
    | { case: undefined; value?: undefined },
  symbols: ReadonlyMap<string, string>,
): Dim | undefined {
  if (value.case === 'dimValue') return value.value > 0n ? Number(value.value) : undefined;
  if (value.case !== 'dimParam' || value.value === '') return undefined;
  return symbols.get(value.value) ?? symbol(value.value);
}

/** A name that can stand in a product of extents. */
function symbol(name: string): string {
  const safe = name.replace(/[^A-Za-z0-9_]/g, '_');
  return /^\d/.test(safe) || safe === BATCH ? `_${safe}` : safe;
}

/** What the file says of its values, where it says all of it. */
function declaredSpecs({ graph }: OnnxFile, symbols: ReadonlyMap<string, string>): Map<string, TensorSpec> {
  const specs = new Map<string, TensorSpec>();
  for (const info of [...graph.valueInfo, ...graph.output]) {
    const type = tensorType(info);
    const dtype = type && computedDType(type.elemType);
    if (!type?.shape || !dtype) continue;
    const shape = type.shape.dim.map(({ value }, axis): Dim => dimOf(value, symbols) ?? symbol(`${info.name}_${axis}`));
    specs.set(info.name, { dtype, shape });
  }
  return specs;
}
