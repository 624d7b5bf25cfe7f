import { NO_LIMITS } from '../../archive/index.js';
import type { Graph } from '../../graph/graph.js';
import { certify, type Equivalence, SAMPLES, sampleFeeds } from '../certificate/index.js';
import { openModel, readModel } from '../open-model.js';
import type { Exported } from './export-model.js';
import { stage } from './stage.js';

export interface Verified extends Exported {
  /** What is read from the written file. */
  readonly delivered: Graph;
  readonly equivalence: Equivalence;
}

/** Reads what was written, and holds it against the original with masks. */
export const verify = stage('verifying', async (job, exported: Exported): Promise<Verified> => {
  const { model, sampleShape, written, graph, data, judges, fixedBatch } = exported;
  const { path, artifact } = written;
  const { mutator } = exported.algorithm;
  const reread = job.scope.use(await openModel(path, artifact.name, { limits: NO_LIMITS, sampleShape }));
  const delivered = reread.model.graph;
  const dequantized = model.quantized ? { dequantized: await dequantize(exported) } : {};
  const delivery = { written: delivered, files: reread.files, ...dequantized };
  const selection = mutator.selection();
  const kept = (value: string, axis: number) => selection.kept(value, axis);
  const masked = { graph: mutator.maskedGraph(), full: graph, kept };
  const { seed } = job.spec.config;
  const feeds = await sampleFeeds(graph, data, { samples: SAMPLES.certifying, seed, fixedBatch });
  const equivalence = await certify(delivery, masked, judges, feeds, job.listener);
  return { ...exported, delivered, equivalence };
});

/** The model that would be delivered if weights weren't rounded again. */
async function dequantize({ model, subnet, sampleShape }: Exported): Promise<Graph> {
  const files = await model.write(subnet, { dequantized: true });
  return (await readModel(files, { sampleShape })).graph;
}
