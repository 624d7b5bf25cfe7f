import type { Graph } from '../../graph/graph.js';
import type { Tensor } from '../../graph/tensor.js';
import type { FileSet, WriteOptions } from '../format.js';
import { KERAS1_WEIGHTS } from './dialects/keras1.js';
import type { JsonObject } from './json.js';
import { type LoweredModel, outputNames } from './lower-model.js';
import type { UsedWeight } from './lowering.js';
import { groupOf, patchLayers } from './patch-layers.js';
import { selectOutputs } from './select-outputs.js';
import type { Container } from './topology.js';
import { FLOAT32 } from './weight-codec.js';
import type { WeightEntry, WeightGroup } from './weights-manifest.js';

export interface WriteSource {
  readonly files: FileSet;
  readonly lowered: LoweredModel;
  readonly groups: readonly WeightGroup[];
  /** The model's JSON, read anew so that it can be patched, with the topology in it. */
  readonly jsonName: string;
  readonly json: JsonObject;
  readonly model: Container;
}

/** The user's files with the tensors, counts and outputs of `graph`; see {@link LoadedModel.write}. */
export async function writeModel(
  source: WriteSource,
  graph: Graph,
  { dequantized = false }: WriteOptions = {},
): Promise<Map<string, Uint8Array>> {
  const { model, lowered, groups, json } = source;
  const kept = keptOutputs(model, graph);
  const layers = selectOutputs(model, kept);
  const weights = new Map(lowered.weights.map((used) => [used.entry.name, narrowed(used, graph)]));
  const stays = new Set([...layers].map((layer) => layer.path));
  patchLayers(model, { lowered, graph, kept: layers });
  const biases = addedBiases(lowered, graph);
  // Of that name, a file may have what nothing reads.
  const added = new Set([...biases.values()].map((bias) => bias.json.name));
  const shards = new Map<string, Uint8Array>();
  json.weightsManifest = groups.flatMap((group) => {
    const entries = group.entries.filter(
      (e) => keepsEntry(e, weights.get(e.name), stays) && (weights.has(e.name) || !added.has(e.name)),
    );
    if (entries.length === 0 && group.entries.length > 0) return [];
    const written = entries.flatMap((entry) => {
      const bias = biases.get(entry.name);
      return [writeEntry(entry, weights.get(entry.name), dequantized), ...(bias ? [bias] : [])];
    });
    for (const [name, bytes] of cut(
      group,
      written.map((w) => w.bytes),
    ))
      shards.set(name, bytes);
    return [{ ...group.json, weights: written.map((w) => w.json) }];
  });
  return collectFiles(source, shards);
}

interface WrittenEntry {
  readonly json: JsonObject;
  readonly bytes: Uint8Array;
}

interface NarrowedWeight {
  readonly used: UsedWeight;
  /** As the file orders axes. Undefined when the graph has the weight no more. */
  readonly tensor: Tensor | undefined;
  readonly unchanged: boolean;
}

/** The file's outputs that the graph has, in the graph's order. */
function keptOutputs(model: Container, graph: Graph): number[] {
  const names = outputNames(model.outputs);
  return graph.outputs.map(({ name }) => {
    const index = names.indexOf(name);
    if (index < 0) throw new Error(`the model has no output ${name}`);
    return index;
  });
}

function narrowed(used: UsedWeight, graph: Graph): NarrowedWeight {
  const constant = graph.constants.get(used.constant);
  if (!constant) return { used, tensor: undefined, unchanged: false };
  const { tensor } = constant;
  const inFile = used.layout.toFile(tensor, groupOf(graph, used.layer.path));
  return { used, tensor: inFile, unchanged: tensor.data === used.tensor.data };
}

function keepsEntry(entry: WeightEntry, weight: NarrowedWeight | undefined, stays: ReadonlySet<string>): boolean {
  if (entry.isOptimizerState) return false;
  return weight ? stays.has(weight.used.layer.path) : true;
}

function writeEntry(entry: WeightEntry, weight: NarrowedWeight | undefined, dequantized: boolean): WrittenEntry {
  if (!weight || (weight.unchanged && !dequantized)) return { json: entry.json, bytes: entry.bytes };
  if (!weight.tensor)
    throw new Error(
      `the graph to write has no constant for ${entry.name}, which layer ${weight.used.layer.path} needs`,
    );
  const encoding = dequantized ? FLOAT32 : entry.encoding!;
  const { bytes, quantization } = encoding.encode(weight.tensor.data as Float32Array);
  const json: JsonObject = { ...entry.json, shape: [...weight.tensor.shape] };
  if (quantization) return { json: { ...json, quantization }, bytes };
  const { quantization: _, ...plain } = json;
  return { json: plain, bytes };
}

/** By the entry that it follows, the last of its layer, each bias that the graph has for a layer without one in the file. */
function addedBiases({ spares, weights }: LoweredModel, graph: Graph): Map<string, WrittenEntry> {
  const last = new Map(weights.map((used) => [used.layer.path, used]));
  return new Map(
    [...spares].flatMap(([path, id]) => {
      const bias = graph.constants.get(id)?.tensor;
      const before = last.get(path);
      if (!bias || !before) return [];
      const json = { name: biasName(before), shape: [...bias.shape], dtype: 'float32' };
      return [[before.entry.name, { json, bytes: FLOAT32.encode(bias.data as Float32Array).bytes }]];
    }),
  );
}

/** Beside the layer's last weight: `a/kernel` has `a/bias`, Keras 1's `a_W` has `a_b`, and what some versions of Keras 3 number goes on. */
function biasName({ entry, role, layer }: UsedWeight): string {
  const [, name, suffix] = /^(.*?)(:\d+)?$/s.exec(entry.name)!;
  const legacy = Object.hasOwn(KERAS1_WEIGHTS, role) ? KERAS1_WEIGHTS[role] : role;
  const beside = (end: string, other: string) => name.slice(0, -end.length) + other + (suffix ?? '');
  if (name === role || name.endsWith(`/${role}`)) return beside(role, 'bias');
  if (name.endsWith(`_${legacy}`)) return beside(legacy, KERAS1_WEIGHTS.bias);
  const [place] = /(?<=\/)\d+$/.exec(name) ?? [];
  return place === undefined ? `${layer.name}/bias` : beside(place, String(Number(place) + 1));
}

/** Cuts a group's bytes into as many shards as it had, in proportion: what did not change is cut as it was. */
function* cut(group: WeightGroup, parts: readonly Uint8Array[]): Iterable<[string, Uint8Array]> {
  const all = Buffer.concat(parts);
  const total = group.shards.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let before = 0;
  for (const { name, sizeBytes } of group.shards) {
    const at = (bytes: number): number => (total === 0 ? 0 : Math.round((bytes / total) * all.length));
    yield [name, all.subarray(at(before), at(before + sizeBytes))];
    before += sizeBytes;
  }
}

async function collectFiles(
  { files, groups, jsonName, json }: WriteSource,
  shards: ReadonlyMap<string, Uint8Array>,
): Promise<Map<string, Uint8Array>> {
  const old = new Set(groups.flatMap((group) => group.shards.map(({ name }) => name)));
  const written = new Map<string, Uint8Array>();
  for (const name of files.names) {
    const shard = shards.get(name);
    if (name === jsonName) written.set(name, new TextEncoder().encode(JSON.stringify(json)));
    else if (shard) written.set(name, shard);
    else if (!old.has(name)) written.set(name, await files.read(name));
  }
  return written;
}
