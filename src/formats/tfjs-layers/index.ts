import { posix } from 'node:path';
import type { Warning } from '../../contract.js';
import { EspalierError } from '../../errors.js';
import type { FileSet, LoadedModel, ModelFormat, ReadOptions } from '../format.js';
import { declaredInput } from './input-shape.js';
import { isObject, type Json, type JsonObject, own, parseJson } from './json.js';
import { type LoweredModel, lowerModel } from './lower-model.js';
import { inputLayers, type Layer, parseTopology } from './topology.js';
import { readWeights, type WeightGroup } from './weights-manifest.js';
import { writeModel } from './write.js';

/** Bytes in which the two keys of a model's JSON are looked for. */
const SNIFF_BYTES = 64 * 1024 ** 2;

/** TensorFlow.js LayersModels: a JSON file with `modelTopology` and `weightsManifest`, and its shards. */
export const TFJS_LAYERS: ModelFormat<'tfjs-layers'> = {
  id: 'tfjs-layers',
  takes: 'a TensorFlow.js LayersModel: model.json (with modelTopology and weightsManifest) and its shards',
  match: async (files) => (await findModels(files)).length > 0,
  read,
};

async function read(files: FileSet, options: ReadOptions = {}): Promise<LoadedModel> {
  const found = await findModels(files);
  if (found.length !== 1) {
    throw new EspalierError(
      'MODEL_INVALID',
      `${found.length} files could be the model: ${found.join(', ')}; one is needed`,
    );
  }
  const jsonName = found[0];
  const jsonBytes = await files.read(jsonName);
  const json = parseJson(jsonBytes, jsonName);
  const model = parseTopology(topologyOf(json));
  const groups = await readWeights(own(json, 'weightsManifest'), posix.dirname(jsonName), files);
  const modelName = own(model.json, 'name');
  const name = typeof modelName === 'string' ? modelName : 'model';
  const lowered = lowerModel(model, groups, name, options);
  return {
    format: 'tfjs-layers',
    name,
    graph: lowered.graph,
    warnings: [...lowered.warnings, ...weightWarnings(groups, lowered)],
    quantized: lowered.weights.some(({ entry }) => entry.encoding!.kind !== 'float32'),
    openAxes: new Map(inputLayers(model).flatMap((layer) => openAxes(layer))),
    write: async (graph, options) => {
      const fresh = parseJson(jsonBytes, jsonName);
      return writeModel(
        { files, lowered, groups, jsonName, json: fresh, model: parseTopology(topologyOf(fresh)) },
        graph,
        options,
      );
    },
  };
}

function openAxes(layer: Layer): [string, number[]][] {
  const axes = declaredInput(layer).flatMap((extent, i) => (extent === null ? [i + 1] : []));
  return axes.length > 0 ? [[layer.path, axes]] : [];
}

/** The topology is the model's config, or holds it (`keras.Model.save`). */
function topologyOf(json: JsonObject): Json | undefined {
  const topology = own(json, 'modelTopology');
  return isObject(topology) ? (own(topology, 'model_config') ?? topology) : topology;
}

function weightWarnings(groups: readonly WeightGroup[], { weights }: LoweredModel): Warning[] {
  const used = new Set(weights.map((w) => w.entry.name));
  const entries = groups.flatMap((g) => g.entries);
  const unused = entries.filter((e) => !e.isOptimizerState && !used.has(e.name)).map((e) => e.name);
  const warnings: Warning[] = [];
  if (unused.length > 0) {
    warnings.push({ code: 'WEIGHTS_UNUSED', message: `no layer uses ${unused.join(', ')}; kept as they are` });
  }
  if (entries.some((e) => e.isOptimizerState)) {
    warnings.push({
      code: 'OPTIMIZER_STATE_DROPPED',
      message: 'optimizer slots do not fit a pruned model and are left out',
    });
  }
  return warnings;
}

/** The JSON files that look like a model's, those nearest to the top. */
async function findModels(files: FileSet): Promise<string[]> {
  const found: string[] = [];
  for (const name of files.names) {
    if (!name.endsWith('.json') || files.sizeBytes(name) > SNIFF_BYTES) continue;
    const bytes = await files.read(name).catch(() => undefined);
    const text = bytes && Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (text?.includes('"modelTopology"') && text.includes('"weightsManifest"') && !isGraphModel(text))
      found.push(name);
  }
  const depth = (name: string): number => name.split('/').length;
  const least = Math.min(...found.map(depth));
  return found.filter((name) => depth(name) === least);
}

/** Graph models have the same two keys, with a TensorFlow GraphDef as topology. */
function isGraphModel(text: Buffer): boolean {
  return /"format"\s*:\s*"graph-model"|"modelTopology"\s*:\s*\{\s*"(node|library|versions)"/.test(
    text.toString('latin1'),
  );
}
