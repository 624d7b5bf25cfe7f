import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { type Graph, getSpec } from '../../graph/graph.js';
import type { Tensor } from '../../graph/tensor.js';

/** An ONNX file as onnxruntime itself reads it, none of this project's readers between. */
export interface ModelFile {
  /** How many samples it takes at once, where that is fixed in it; of inputs whose first extent the graph leaves open. */
  fixedBatch(graph: Graph): number | undefined;
  /** Feeds by the file's names; gives the outputs that are asked for, numbers in whatever type the file has. */
  run(feeds: ReadonlyMap<string, Tensor>, outputs: readonly string[]): Promise<Map<string, FileResult>>;
  release(): Promise<void>;
}

export interface FileResult {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number | bigint>;
}

/**
 * @param model the bytes of a file that holds all of its weights, or the path of one whose weights lie beside it
 * @throws Error with what onnxruntime says of a file that it doesn't take
 */
export async function openModelFile(model: Uint8Array | string, options: { threads: number }): Promise<ModelFile> {
  const settings: InferenceSession.SessionOptions = {
    executionProviders: ['cpu'],
    intraOpNumThreads: options.threads,
    interOpNumThreads: 1,
    logSeverityLevel: 4,
  };
  const session =
    typeof model === 'string'
      ? await InferenceSession.create(model, settings)
      : await InferenceSession.create(model, settings);
  const declared = new Map(session.inputMetadata.flatMap((info) => (info.isTensor ? [[info.name, info]] : [])));
  return {
    fixedBatch(graph) {
      const firsts = graph.inputs
        .filter((id) => typeof getSpec(graph, id).shape[0] === 'string')
        .map((id) => declared.get(id)?.shape[0]);
      return firsts.find((extent): extent is number => typeof extent === 'number' && extent > 0);
    },
    async run(feeds, outputs) {
      const inputs = Object.fromEntries(
        session.inputNames.map((name) => {
          const feed = feeds.get(name);
          if (!feed) throw new Error(`it wants an input ${name}`);
          return [name, inType(feed, declared.get(name)?.type)];
        }),
      );
      const results = await session.run(inputs, [...outputs]);
      return new Map(
        outputs.map((name) => {
          const { dims, data } = results[name];
          return [name, { shape: dims, data: data as FileResult['data'] }];
        }),
      );
    },
    release: () => session.release(),
  };
}

/** Doubles are computed as float32 here; the file has them as they are. */
function inType({ dtype, shape, data }: Tensor, type: string | undefined): OrtTensor {
  if (type === 'float64' && dtype === 'float32')
    return new OrtTensor('float64', Float64Array.from(data as Float32Array), shape);
  return new OrtTensor(dtype, data as Float32Array, shape);
}
