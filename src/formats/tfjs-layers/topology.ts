import { EspalierError } from '../../errors.js';
import { readKeras1 } from './dialects/keras1.js';
import { tensorArguments } from './dialects/keras3.js';
import { isObject, type Json, type JsonObject, own, show } from './json.js';

/**
 * Keras's model config, checked: layers, and the calls by which they make tensors. A Sequential model is the chain of calls
 * that it stands for. The `json` of each part is the part of the file that it was read from, so that a writer can patch it.
 */
export interface Container {
  readonly kind: 'sequential' | 'functional';
  readonly json: JsonObject;
  readonly layers: readonly Layer[];
  readonly calls: readonly Call[];
  readonly inputs: readonly TensorRef[];
  readonly outputs: readonly TensorRef[];
}

export interface Layer {
  readonly name: string;
  /** Unique in the model: `outer/inner` for a layer of a nested model. */
  readonly path: string;
  /** Class and config by the names of Keras 2; `json` has them as the file does. */
  readonly className: string;
  readonly config: JsonObject;
  readonly json: JsonObject;
  readonly dialect?: 'keras1';
  /** Today's names of config fields to the file's, where they differ. */
  readonly keys?: ReadonlyMap<string, string>;
  /** Set on nested models. */
  readonly container?: Container;
  /** Node index of the layer's first call: a nested model's own construction is node 0, so its calls count from 1. */
  firstNode: number;
}

/** The `index`th application of a layer. A layer of several calls is shared. */
export interface Call {
  readonly layer: Layer;
  readonly index: number;
  readonly inputs: readonly TensorRef[];
}

/** Output `tensor` of a call; `json` is the `[layer, node, tensor, …]` that says so. */
export interface TensorRef {
  readonly layer: Layer;
  readonly node: number;
  readonly tensor: number;
  readonly json: Json[];
  /** Holds the tensor's `shape`, where the file repeats it (Keras 3). */
  readonly declares?: JsonObject;
}

const SEQUENTIAL = ['Sequential'];
const FUNCTIONAL = ['Model', 'Functional'];
const MAX_LAYERS = 10_000;
const MAX_NESTING = 16;

/**
 * Reads `{class_name, config}` of a whole model.
 * @throws EspalierError MODEL_INVALID, LAYER_INVALID
 */
export function parseTopology(model: Json | undefined): Container {
  if (!isObject(model)) throw invalid(`the model topology is ${show(model)}; expected an object`);
  return parseContainer(model, '', 0);
}

function isContainerClass(className: string): boolean {
  return SEQUENTIAL.includes(className) || FUNCTIONAL.includes(className);
}

/** The input layers' definitions, in the order of the model's inputs. */
export function inputLayers(container: Container): Layer[] {
  return container.inputs.map((ref) => ref.layer);
}

function parseContainer(model: JsonObject, prefix: string, depth: number): Container {
  if (depth > MAX_NESTING) throw invalid(`models are nested more than ${MAX_NESTING} deep at ${prefix}`);
  const className = own(model, 'class_name');
  const config = own(model, 'config');
  if (SEQUENTIAL.includes(className as string)) return parseSequential(config, prefix, depth);
  if (FUNCTIONAL.includes(className as string)) return parseFunctional(config, prefix, depth);
  throw invalid(`the model's class_name is ${show(className)}; expected ${[...SEQUENTIAL, ...FUNCTIONAL].join(', ')}`);
}

function parseSequential(config: Json | undefined, prefix: string, depth: number): Container {
  const json = isObject(config) ? config : {};
  const layers = parseLayers(Array.isArray(config) ? config : own(json, 'layers'), prefix, depth);
  if (layers.length === 0) throw invalid('the Sequential model has no layers');
  const chain = layers[0].className === 'InputLayer' ? layers : [sequentialInput(layers[0], prefix), ...layers];
  const ref = (layer: Layer): TensorRef => ({ layer, node: layer.firstNode, tensor: 0, json: [] });
  const calls = chain.map((layer, i) => ({ layer, index: 0, inputs: i === 0 ? [] : [ref(chain[i - 1])] }));
  const last = chain[chain.length - 1];
  return { kind: 'sequential', json, layers: chain, calls, inputs: [ref(chain[0])], outputs: [ref(last)] };
}

/** A Sequential model without an InputLayer takes its input's shape, and TensorFlow.js its name, from the first layer. */
function sequentialInput(first: Layer, prefix: string): Layer {
  if (first.container) {
    const inner = inputLayers(first.container);
    if (inner.length !== 1) throw invalid(`layer ${first.path} of a Sequential model has ${inner.length} inputs`);
    return { ...inner[0], path: prefix + inner[0].name };
  }
  const name = `${first.name}_input`;
  return { ...first, name, path: prefix + name, className: 'InputLayer' };
}

function parseFunctional(config: Json | undefined, prefix: string, depth: number): Container {
  const where = prefix === '' ? 'the model' : `the model ${prefix.slice(0, -1)}`;
  if (!isObject(config)) throw invalid(`${where}: config is ${show(config)}; expected an object`);
  const layers = parseLayers(own(config, 'layers'), prefix, depth);
  const byName = new Map(layers.map((layer) => [layer.name, layer]));
  const calls = layers.flatMap((layer) => parseCalls(layer, byName));
  const container: Container = {
    kind: 'functional',
    json: config,
    layers,
    calls,
    inputs: parseEnds(config, 'input_layers', where, byName),
    outputs: parseEnds(config, 'output_layers', where, byName),
  };
  const refs = [...calls.flatMap((c) => c.inputs), ...container.outputs];
  for (const { layer, node } of refs) if (layer.container && node === 0) layer.firstNode = 0;
  checkRefs(container, where);
  return container;
}

function checkRefs(container: Container, where: string): void {
  for (const ref of container.inputs) {
    if (ref.layer.className !== 'InputLayer') {
      throw invalid(`${where}: input_layers names ${ref.layer.path}, a ${ref.layer.className}`);
    }
  }
  const callCounts = new Map<Layer, number>();
  for (const { layer } of container.calls) callCounts.set(layer, (callCounts.get(layer) ?? 0) + 1);
  const outputsOf = (layer: Layer): number => layer.container?.outputs.length ?? 1;
  for (const call of [...container.calls, { layer: undefined, inputs: container.outputs }]) {
    for (const { layer, node, tensor } of call.inputs) {
      const count = callCounts.get(layer) ?? 0;
      const index = node - layer.firstNode;
      if (index < 0 || index >= count || tensor >= outputsOf(layer)) {
        const reader = call.layer ? `layer ${call.layer.path} reads` : `${where}: output_layers names`;
        throw invalid(`${reader} node ${node}, tensor ${tensor} of ${layer.path}, which does not exist`);
      }
    }
  }
}

function parseLayers(value: Json | undefined, prefix: string, depth: number): Layer[] {
  if (!Array.isArray(value)) throw invalid(`${prefix}layers is ${show(value)}; expected a list`);
  if (value.length > MAX_LAYERS) throw invalid(`${value.length} layers; at most ${MAX_LAYERS} are read`);
  const seen = new Set<string>();
  return value.map((json, i) => {
    const layer = parseLayer(json, prefix, i, depth);
    if (seen.has(layer.name)) throw invalid(`two layers are named ${layer.path}`);
    seen.add(layer.name);
    return layer;
  });
}

function parseLayer(json: Json, prefix: string, i: number, depth: number): Layer {
  if (!isObject(json)) throw invalid(`${prefix}layers[${i}] is ${show(json)}; expected an object`);
  const config = own(json, 'config');
  const configName = isObject(config) ? own(config, 'name') : undefined;
  const name = own(json, 'name') ?? configName ?? unnamedContainer(json, i);
  if (typeof name !== 'string' || name === '') throw invalid(`${prefix}layers[${i}] has no name: ${show(json)}`);
  const path = prefix + name;
  const className = own(json, 'class_name');
  if (typeof className !== 'string') throw layerInvalid(path, `class_name is ${show(className)}`);
  if (isContainerClass(className)) {
    const container = parseContainer(json, `${path}/`, depth + 1);
    return { name, path, className, config: container.json, json, container, firstNode: 1 };
  }
  if (!isObject(config)) throw layerInvalid(path, `config is ${show(config)}; expected an object`);
  const layer = { name, path, className, config, json, firstNode: 0 };
  const legacy = readKeras1(className, config);
  return legacy ? { ...layer, ...legacy, dialect: 'keras1' } : layer;
}

/** Nested Sequential models of old files are lists without a name. */
function unnamedContainer(json: JsonObject, i: number): string | undefined {
  const className = own(json, 'class_name');
  return className === 'Sequential' ? `sequential_${i}` : undefined;
}

function parseCalls(layer: Layer, byName: ReadonlyMap<string, Layer>): Call[] {
  const nodes = own(layer.json, 'inbound_nodes') ?? [];
  if (!Array.isArray(nodes)) throw layerInvalid(layer.path, `inbound_nodes is ${show(nodes)}; expected a list`);
  if (layer.className === 'InputLayer') {
    if (nodes.length > 0) throw layerInvalid(layer.path, `an InputLayer with inbound_nodes ${show(nodes)}`);
    return [{ layer, index: 0, inputs: [] }];
  }
  return nodes.map((node, index) => {
    const where = `layer ${layer.path}: inbound_nodes[${index}]`;
    const inputs = parseArguments(node, where, byName);
    if (inputs.length > 0) return { layer, index, inputs };
    throw layerInvalid(layer.path, `inbound_nodes[${index}] is ${show(node)}; expected [[layer, node, tensor, {}], …]`);
  });
}

function parseArguments(node: Json, where: string, byName: ReadonlyMap<string, Layer>): TensorRef[] {
  const tensors = tensorArguments(node);
  if (tensors) return tensors.map(({ history, declares }) => ({ ...parseRef(history, where, byName), declares }));
  // The nodes of some versions hold one tensor without the outer list.
  const refs = Array.isArray(node) && typeof node[0] === 'string' ? [node] : node;
  return Array.isArray(refs) ? refs.map((ref) => parseRef(ref, where, byName)) : [];
}

function parseEnds(config: JsonObject, key: string, where: string, byName: ReadonlyMap<string, Layer>): TensorRef[] {
  const value = own(config, key);
  if (!Array.isArray(value) || value.length === 0) throw invalid(`${where}: ${key} is ${show(value)}; expected a list`);
  // Keras writes a single end without the outer list in some versions.
  const refs = typeof value[0] === 'string' ? [value] : value;
  return refs.map((ref) => parseRef(ref, `${where}: ${key}`, byName));
}

function parseRef(ref: Json, where: string, byName: ReadonlyMap<string, Layer>): TensorRef {
  const [name, node, tensor] = Array.isArray(ref) ? ref : [];
  const isIndex = (v: Json | undefined): v is number => typeof v === 'number' && Number.isInteger(v) && v >= 0;
  if (typeof name !== 'string' || !isIndex(node) || !isIndex(tensor)) {
    throw invalid(`${where} holds ${show(ref)}; expected [layer, node, tensor]`);
  }
  const layer = byName.get(name);
  if (!layer) throw invalid(`${where} names ${show(name)}, which is no layer of the model`);
  return { layer, node, tensor, json: ref as Json[] };
}

function invalid(message: string): EspalierError {
  return new EspalierError('MODEL_INVALID', message);
}

function layerInvalid(path: string, message: string): EspalierError {
  return new EspalierError('LAYER_INVALID', `layer ${path}: ${message}`);
}
