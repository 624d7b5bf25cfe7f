import type { Graph } from '../../graph/graph.js';
import type { Tensor } from '../../graph/tensor.js';
import { inputShapeKey } from './input-shape.js';
import { isObject, type Json, own } from './json.js';
import { declaredShape, type KerasTensor } from './keras-tensor.js';
import { getLayerKind } from './layers/index.js';
import { callId, type LoweredModel } from './lower-model.js';
import type { Call, Container, Layer, TensorRef } from './topology.js';

/** The pruned model, by what a layer's patch may ask of it. */
export interface PatchSource {
  readonly lowered: LoweredModel;
  readonly graph: Graph;
  /** Layers that stay. */
  readonly kept: ReadonlySet<Layer>;
}

/** `group` of a layer's first convolution. */
export function groupOf(graph: Graph, layerPath: string): number {
  const conv = graph.nodes.find((node) => node.layer === layerPath && node.op === 'Conv');
  return (conv?.attrs.group as number | undefined) ?? 1;
}

/** Sets the counts in the layers' JSON, and every shape in it that says what a layer is fed. */
export function patchLayers(model: Container, source: PatchSource): void {
  for (const call of model.calls) {
    if (!source.kept.has(call.layer)) continue;
    patchShapes(call, source);
    if (call.index > 0) continue;
    const { container } = call.layer;
    if (!container) patchCounts(call.layer, source);
    else {
      for (const { layer } of container.inputs) followFed(layer, fed({ layer, node: 0, tensor: 0, json: [] }, source));
      patchLayers(container, source);
    }
  }
}

function patchCounts(layer: Layer, { lowered, graph }: PatchSource): void {
  const output = lowered.tensors.get(callId(layer, 0))?.[0];
  if (layer.className === 'InputLayer' || !output) return;
  if (graph.constants.has(lowered.spares.get(layer.path) ?? '')) setField(layer, 'use_bias', true);
  getLayerKind(layer).patch?.({
    get: (key) => own(layer.config, key) ?? undefined,
    set: (key, value) => setField(layer, key, value),
    weight: (name) => weightOf(layer, name, lowered, graph),
    before: output.shape,
    outputShape: shapeIn(graph, output),
    group: groupOf(graph, layer.path),
  });
}

function weightOf(layer: Layer, name: string, lowered: LoweredModel, graph: Graph): Tensor {
  const id = lowered.constants.get(`${layer.path}/${name}`);
  const constant = id === undefined ? undefined : graph.constants.get(id);
  if (!constant) throw new Error(`the graph to write has no ${name} of layer ${layer.path}`);
  return constant.tensor;
}

/** What the file repeats of the shapes that a call is fed: in the layer's config, its `build_config`, and its arguments. */
function patchShapes({ layer, index, inputs }: Call, source: PatchSource): void {
  const tensors = inputs.map((ref) => fed(ref, source));
  inputs.forEach(({ declares }, i) => {
    if (declares && Array.isArray(declares.shape)) declares.shape = follow(declares.shape, tensors[i]);
  });
  if (index > 0 || tensors.length === 0) return;
  followFed(layer, tensors[0]);
  const build = own(layer.json, 'build_config');
  const shape = isObject(build) ? own(build, 'input_shape') : undefined;
  if (!isObject(build) || !Array.isArray(shape)) return;
  build.input_shape = shape.every(Array.isArray)
    ? shape.map((one, i) => (i < tensors.length ? follow(one as Json[], tensors[i]) : one))
    : follow(shape, tensors[0]);
}

/** A tensor's shape in the model as it was read and in the pruned one. */
interface Change {
  readonly before: readonly (number | string)[];
  readonly after: readonly (number | string)[];
}

function fed({ layer, node, tensor }: TensorRef, { lowered, graph }: PatchSource): Change | undefined {
  const found = lowered.tensors.get(callId(layer, node - layer.firstNode))?.[tensor];
  return found && { before: found.shape, after: shapeIn(graph, found) };
}

function followFed(layer: Layer, change: Change | undefined): void {
  const key = inputShapeKey(layer);
  if (key) setField(layer, key, follow(layer.config[key] as Json[], change));
}

/** Only what said what was true before: open extents stay open, and odd ones odd. */
function follow(declared: Json[], change: Change | undefined): Json[] {
  if (!change || declared.length !== change.before.length) return declared;
  return declared.map((d, axis) => (axis > 0 && d === change.before[axis] ? change.after[axis] : d));
}

function setField(layer: Layer, key: string, value: Json): void {
  const { config } = layer.json;
  if (isObject(config)) config[layer.keys?.get(key) ?? key] = value;
}

function shapeIn(graph: Graph, tensor: KerasTensor): readonly (number | string)[] {
  const declared = tensor.declared !== undefined ? graph.values.get(tensor.declared) : undefined;
  if (declared) return declared.shape;
  const first = tensor.channelsFirst !== undefined ? graph.values.get(tensor.channelsFirst) : undefined;
  return first ? declaredShape(first.shape, 'channelsFirst') : tensor.shape;
}
