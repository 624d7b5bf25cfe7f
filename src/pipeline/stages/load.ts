import type { FileSet, LoadedModel } from '../../formats/index.js';
import { getSpec } from '../../graph/graph.js';
import { readSampleShape } from '../feeding/job-data.js';
import { openModel } from '../open-model.js';
import { readingOf } from './reading.js';
import { stage } from './stage.js';

export interface Loaded {
  readonly model: LoadedModel;
  readonly files: FileSet;
  /** Of the model's files, unpacked. */
  readonly sizeBytes: number;
  /** What the extents are that the model's file leaves open; undefined where it doesn't, or no data say so. */
  readonly sampleShape: readonly number[] | undefined;
}

/** Reads the model. A file that leaves extents of its input open is read with those of the data. */
export const load = stage('loading', async ({ spec, listener, signal, scope }): Promise<Loaded> => {
  const { model: upload, dataset, archive: limits } = spec;
  // Jobs of older versions say nothing of biases, and go on without.
  const { method, add_biases: addBiases = false } = spec.config.recovery;
  const spareBiases = addBiases && method !== 'none';
  const open = async (sampleShape?: readonly number[]) => {
    const opened = scope.use(await openModel(upload.path, upload.name, { limits, sampleShape, spareBiases }));
    return { ...opened, sampleShape };
  };
  let found = await open();
  if (found.model.openAxes.size > 0 && dataset) {
    const { graph } = found.model;
    const inputShape = getSpec(graph, graph.inputs[0]).shape.slice(1).map(Number);
    found = await open(await readSampleShape(dataset, inputShape, readingOf(spec)));
  }
  for (const warning of found.model.warnings) listener.warning(warning);
  signal.throwIfAborted();
  return found;
});
