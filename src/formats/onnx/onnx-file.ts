import { EspalierError } from '../../errors.js';
import { decodeModel, type GraphProto, type ModelProto, type TensorProto } from '../../onnx-proto/index.js';
import type { FileSet } from '../format.js';
import { type ExternalPlace, readExternalData } from './external-data.js';

/** Versions of the standard operators that are read; newer ones changed nothing in the ops that are lowered. */
const OPSETS = { oldest: 6, newest: 23 } as const;
const MOST_NODES = 50_000;

/** A decoded model, free to be patched. */
export interface OnnxFile {
  readonly path: string;
  readonly model: ModelProto;
  readonly graph: GraphProto;
  /** The version of the standard operators. */
  readonly opset: number;
  /** Versions of all operator domains. */
  readonly domains: ReadonlyMap<string, number>;
  readonly external: ReadonlyMap<TensorProto, ExternalPlace>;
}

/** The `.onnx` files of an upload, those nearest to the top. */
export function findOnnxFiles(files: FileSet): string[] {
  const found = files.names.filter((name) => /\.onnx$/i.test(name));
  const depth = (name: string): number => name.split('/').length;
  const least = Math.min(...found.map(depth));
  return found.filter((name) => depth(name) === least);
}

/**
 * Decodes the upload's model, its external data included. Decoding again gives a fresh copy.
 * @throws EspalierError MODEL_INVALID, WEIGHTS_MISSING, WEIGHTS_LENGTH, ARCHIVE_UNSAFE_PATH; LAYER_UNSUPPORTED for an opset
 *   that isn't read
 */
export async function openOnnxFile(files: FileSet): Promise<OnnxFile> {
  const found = findOnnxFiles(files);
  if (found.length !== 1) {
    throw new EspalierError(
      'MODEL_INVALID',
      `${found.length} files could be the model: ${found.join(', ')}; one is needed`,
    );
  }
  const [path] = found;
  const model = decodeModel(await files.read(path));
  const graph = model.graph!;
  if (graph.node.length > MOST_NODES) {
    throw new EspalierError(
      'MODEL_INVALID',
      `the model has ${graph.node.length} nodes; at most ${MOST_NODES} are read`,
    );
  }
  const domains = new Map(
    model.opsetImport.map(({ domain, version }) => [domain === 'ai.onnx' ? '' : domain, Number(version)]),
  );
  const opset = domains.get('');
  if (opset === undefined)
    throw new EspalierError('MODEL_INVALID', 'the model imports no version of the ONNX operators');
  if (opset < OPSETS.oldest || opset > OPSETS.newest) {
    throw new EspalierError(
      'LAYER_UNSUPPORTED',
      `the model uses version ${opset} of the ONNX operators; ${OPSETS.oldest} to ${OPSETS.newest} are read`,
    );
  }
  return { path, model, graph, opset, domains, external: await readExternalData(graph, path, files) };
}
