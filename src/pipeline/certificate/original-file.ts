import type { ModelFile } from '../../engine/index.js';
import { EspalierError } from '../../errors.js';
import type { FileSet, LoadedModel } from '../../formats/index.js';
import type { Graph } from '../../graph/graph.js';
import { randomInputs } from '../feeding/random-inputs.js';
import { describeRelative, outputDifference, type Values } from './difference.js';
import type { Forward } from './forward.js';
import { CERTIFICATE_LIMIT } from './limits.js';
import { type OwnFileOptions, openOwnFile } from './own-file.js';
import type { Feeds, SampleFeeds } from './sample-feeds.js';

export type OpenFile = (files: FileSet) => Promise<ModelFile>;

/** Whether onnxruntime runs files of the user's as they are, and if not, why. */
export type FileRunning = { readonly open: OpenFile } | { readonly reason: string | undefined };

/** The uploaded file: what onnxruntime does with it, it must do with the delivered one. */
export interface OriginalFile {
  /** How many samples it takes at once, where it takes no other number. */
  readonly fixedBatch: number | undefined;
  /**
   * Runs its own bytes against what the graph gave that was read of them.
   * @throws EspalierError CERTIFICATE_FAILED where they differ
   */
  check(graph: Graph, reference: () => Promise<Forward>, feeds: SampleFeeds): Promise<FileRunning>;
  release(): Promise<void>;
}

/** Opens an upload's own bytes in onnxruntime, where they are ONNX. */
export async function openOriginal(model: LoadedModel, files: FileSet, options: OwnFileOptions): Promise<OriginalFile> {
  const reason = whyNotRun(model);
  if (reason !== undefined) return notRun(reason);
  if (model.format !== 'onnx') return notRun(undefined);
  let file: ModelFile;
  try {
    file = await openOwnFile(files, options);
  } catch (error) {
    return notRun(`onnxruntime doesn't take the file itself: ${messageOf(error)}`);
  }
  return {
    fixedBatch: file.fixedBatch(model.graph),
    async check(graph, reference, feeds) {
      const names = graph.outputs.map(({ name }) => name);
      let found: Values[][];
      try {
        found = await runFile(file, model.graph, names, feeds.usual);
      } catch (error) {
        return { reason: `onnxruntime doesn't run the file itself: ${messageOf(error)}` };
      }
      const { heads, sets } = (await reference()).usual;
      const outputs = heads.filter(({ name }) => names.includes(name));
      const read = sets.map((set) => set.filter((_, i) => outputs.includes(heads[i])));
      const { relative } = outputDifference(outputs, found, read);
      if (relative <= CERTIFICATE_LIMIT) return { open: (delivered) => openOwnFile(delivered, options) };
      throw new EspalierError(
        'CERTIFICATE_FAILED',
        `what onnxruntime makes of the uploaded file differs by ${describeRelative(relative)} of its outputs' spread from what was read of it, ${CERTIFICATE_LIMIT} is allowed: the model isn't read as it is meant`,
      );
    },
    release: () => file.release(),
  };
}

function whyNotRun({ quantized, roundsValues }: LoadedModel): string | undefined {
  if (quantized) return 'weights are compared before they are rounded, and the file holds rounded ones';
  return roundsValues ? 'the file itself computes in a float narrower than float32' : undefined;
}

const notRun = (reason: string | undefined): OriginalFile => ({
  fixedBatch: undefined,
  check: async () => ({ reason }),
  release: async () => {},
});

async function runFile(
  file: ModelFile,
  graph: Graph,
  names: readonly string[],
  sets: readonly Feeds[],
): Promise<Values[][]> {
  const all: Values[][] = [];
  for (const set of sets) {
    const batch = set.values().next().value?.shape[0] ?? 1;
    // Inputs that only outputs which go read: the file wants them all the same.
    const results = await file.run(new Map([...randomInputs(graph, batch, 0), ...set]), names);
    all.push(names.map((name) => results.get(name)!));
  }
  return all;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
