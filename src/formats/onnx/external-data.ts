import { posix } from 'node:path';
import { EspalierError } from '../../errors.js';
import { TensorProto_DataLocation as DataLocation, type GraphProto, type TensorProto } from '../../onnx-proto/index.js';
import type { FileSet } from '../format.js';

/** Where a tensor's data were found outside of the model. */
export interface ExternalPlace {
  /** In the upload. */
  readonly path: string;
  readonly offset: number;
  readonly length: number;
}

/** Every tensor of a graph that can have data: initializers and constants. */
export function* tensorsOf(graph: GraphProto): Iterable<TensorProto> {
  yield* graph.initializer;
  for (const node of graph.node) for (const { t } of node.attribute) if (t) yield t;
}

/**
 * Reads the data that tensors keep in other files of the upload into the tensors themselves. Nothing outside of the upload
 * can be named.
 * @param modelPath of the model in the upload; locations are relative to its folder
 * @returns where each tensor's data were, so that they can be written there again
 * @throws EspalierError ARCHIVE_UNSAFE_PATH for a location that leaves the upload; WEIGHTS_MISSING for a file that isn't in
 *   it; WEIGHTS_LENGTH for one that is too short
 */
export async function readExternalData(
  graph: GraphProto,
  modelPath: string,
  files: FileSet,
): Promise<Map<TensorProto, ExternalPlace>> {
  const places = new Map<TensorProto, ExternalPlace>();
  const contents = new Map<string, Uint8Array>();
  for (const tensor of tensorsOf(graph)) {
    if (tensor.dataLocation !== DataLocation.EXTERNAL) continue;
    const path = externalPath(tensor, modelPath, files);
    const bytes = contents.get(path) ?? (await files.read(path));
    contents.set(path, bytes);
    const offset = entryNumber(tensor, 'offset') ?? 0;
    const length = entryNumber(tensor, 'length') ?? bytes.byteLength - offset;
    if (offset < 0 || length < 0 || offset + length > bytes.byteLength) {
      throw new EspalierError(
        'WEIGHTS_LENGTH',
        `tensor ${tensor.name} has bytes ${offset} to ${offset + length} of ${path}, which has ${bytes.byteLength}`,
      );
    }
    tensor.rawData = new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset + offset, length);
    tensor.dataLocation = DataLocation.DEFAULT;
    tensor.externalData = [];
    places.set(tensor, { path, offset, length });
  }
  return places;
}

function externalPath(tensor: TensorProto, modelPath: string, files: FileSet): string {
  const location = entry(tensor, 'location');
  if (!location) {
    throw new EspalierError(
      'MODEL_INVALID',
      `tensor ${tensor.name} has its data outside of the model, and no location`,
    );
  }
  const path = posix.normalize(posix.join(posix.dirname(modelPath), location));
  const leaves = path === '..' || path.startsWith('../');
  if (posix.isAbsolute(location) || /^[a-zA-Z]:/.test(location) || /[\\\0]/.test(location) || leaves) {
    throw new EspalierError(
      'ARCHIVE_UNSAFE_PATH',
      `tensor ${tensor.name} has its data in ${JSON.stringify(location)}, outside of the upload`,
    );
  }
  if (!files.names.includes(path)) {
    throw new EspalierError(
      'WEIGHTS_MISSING',
      `tensor ${tensor.name} has its data in ${location}, which is not in the upload: a zip of the model and its data is needed`,
    );
  }
  return path;
}

function entry(tensor: TensorProto, key: string): string | undefined {
  return tensor.externalData.find((e) => e.key === key)?.value;
}

function entryNumber(tensor: TensorProto, key: string): number | undefined {
  const value = entry(tensor, key);
  if (value === undefined) return undefined;
  if (!/^\d{1,15}$/.test(value)) {
    throw new EspalierError(
      'MODEL_INVALID',
      `tensor ${tensor.name}: its ${key} is ${JSON.stringify(value)}, no number`,
    );
  }
  return Number(value);
}
