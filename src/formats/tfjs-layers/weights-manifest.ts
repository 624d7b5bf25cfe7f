import { posix } from 'node:path';
import { EspalierError } from '../../errors.js';
import type { FileSet } from '../format.js';
import { isObject, type Json, type JsonObject, own, show } from './json.js';
import { type Encoding, encodingOf, OTHER_DTYPES } from './weight-codec.js';

/** One weight of the manifest. */
export interface WeightEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly json: JsonObject;
  /** Undefined for a dtype other than float32: such weights are copied, never read. */
  readonly encoding: Encoding | undefined;
  /** Optimizer slots stand in a group of their own. */
  readonly isOptimizerState: boolean;
  readonly bytes: Uint8Array;
}

/** Weights that stand one after the other in a run of shards. */
export interface WeightGroup {
  readonly json: JsonObject;
  /** Shard files, by their names in the file set. */
  readonly shards: readonly { readonly name: string; readonly sizeBytes: number }[];
  readonly entries: readonly WeightEntry[];
}

/**
 * Reads the shards of `weightsManifest` and cuts them into weights.
 * @param folder folder of the model's JSON in the file set, which the manifest's paths are relative to
 * @throws EspalierError MODEL_INVALID, WEIGHTS_MISSING, WEIGHTS_LENGTH, SHAPE_OVERFLOW
 */
export async function readWeights(manifest: Json | undefined, folder: string, files: FileSet): Promise<WeightGroup[]> {
  if (!Array.isArray(manifest)) throw invalid(`weightsManifest is ${show(manifest)}; expected a list`);
  const groups: WeightGroup[] = [];
  const seen = new Set<string>();
  for (const [i, json] of manifest.entries()) {
    const where = `weightsManifest[${i}]`;
    if (!isObject(json)) throw invalid(`${where} is ${show(json)}; expected an object`);
    const group = await readGroup(json, where, folder, files);
    for (const { name } of group.entries) {
      if (seen.has(name)) throw invalid(`the weights manifest names ${name} twice`);
      seen.add(name);
    }
    groups.push(group);
  }
  return groups;
}

async function readGroup(json: JsonObject, where: string, folder: string, files: FileSet): Promise<WeightGroup> {
  const names = shardNames(own(json, 'paths'), where, folder, files);
  const specs = own(json, 'weights');
  if (!Array.isArray(specs)) throw invalid(`${where}.weights is ${show(specs)}; expected a list`);
  const layout = specs.map((spec, i) => parseEntry(spec, `${where}.weights[${i}]`));
  const expected = layout.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const shards = names.map((name) => ({ name, sizeBytes: files.sizeBytes(name) }));
  const found = shards.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  if (found !== expected) {
    const shown = names.join(', ') || 'no file';
    throw new EspalierError(
      'WEIGHTS_LENGTH',
      `${shown}: ${found} bytes found, the manifest's weights have ${expected}`,
    );
  }
  const bytes = await readShards(shards, expected, files);
  let start = 0;
  const entries = layout.map(({ sizeBytes, ...entry }) => {
    start += sizeBytes;
    return { ...entry, bytes: bytes.subarray(start - sizeBytes, start) };
  });
  return { json, shards, entries };
}

/** All shards in one piece. A single one is taken as it was read: weights can be half of what a process may hold. */
async function readShards(shards: WeightGroup['shards'], total: number, files: FileSet): Promise<Uint8Array> {
  if (shards.length === 1) return files.read(shards[0].name);
  const bytes = new Uint8Array(total);
  let at = 0;
  for (const { name, sizeBytes } of shards) {
    bytes.set(await files.read(name), at);
    at += sizeBytes;
  }
  return bytes;
}

function shardNames(paths: Json | undefined, where: string, folder: string, files: FileSet): string[] {
  if (!Array.isArray(paths)) throw invalid(`${where}.paths is ${show(paths)}; expected a list`);
  return paths.map((path) => {
    if (typeof path !== 'string') throw invalid(`${where}.paths holds ${show(path)}; expected a file name`);
    const name = posix.join(folder, path);
    // Files chosen one by one in a browser arrive without their folders.
    const flat = posix.join(folder, posix.basename(path));
    const found = [name, flat].find((candidate) => files.names.includes(candidate));
    if (found === undefined)
      throw new EspalierError('WEIGHTS_MISSING', `${where} needs the file ${path}, which is missing`);
    return found;
  });
}

function parseEntry(json: Json, where: string): Omit<WeightEntry, 'bytes'> & { sizeBytes: number } {
  if (!isObject(json)) throw invalid(`${where} is ${show(json)}; expected an object`);
  const [name, shape, dtype] = [own(json, 'name'), own(json, 'shape'), own(json, 'dtype')];
  if (typeof name !== 'string') throw invalid(`${where}.name is ${show(name)}; expected a string`);
  if (!Array.isArray(shape) || !shape.every((d): d is number => Number.isInteger(d) && (d as number) >= 0)) {
    throw invalid(`${where}.shape of ${name} is ${show(shape)}; expected whole numbers`);
  }
  const count = shape.reduce((n, d) => n * d, 1);
  if (!Number.isSafeInteger(count * 8)) {
    throw new EspalierError('SHAPE_OVERFLOW', `weight ${name} has shape [${shape}], which is too large`);
  }
  const encoding = dtype === 'float32' ? encodingOf(json, name) : undefined;
  const bytesPerValue = encoding?.bytesPerValue ?? OTHER_DTYPES.get(dtype);
  if (bytesPerValue === undefined) throw invalid(`${where}.dtype of ${name} is ${show(dtype)}, which can not be read`);
  const isOptimizerState = own(json, 'group') === 'optimizer';
  return { name, shape, json, encoding, isOptimizerState, sizeBytes: count * bytesPerValue };
}

function invalid(message: string): EspalierError {
  return new EspalierError('MODEL_INVALID', message);
}
