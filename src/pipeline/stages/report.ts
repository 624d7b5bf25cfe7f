import { createHash } from 'node:crypto';
import type { Artifact, JobResult } from '../../contract.js';
import { type Graph, getSpec } from '../../graph/graph.js';
import { withoutSpares } from '../../graph/passes/spare-biases.js';
import type { DryRunSummary, UnitReport } from '../../report/unit-report.js';
import { VERSION } from '../../version.js';
import { writeJsonArtifact } from '../artifacts.js';
import type { Analyzed } from './analyze.js';
import type { Evaluated } from './evaluate.js';
import { type Importances, layerRows, unitRows } from './report-rows.js';
import type { Ending, Job } from './stage.js';

/** The end of a job that delivers a model. */
export async function reportJob(job: Job, evaluated: Evaluated): Promise<Ending> {
  const { written, canceled, result } = evaluated;
  const report = await writeReport(job, evaluated, { ...evaluated, summary: result });
  return { status: canceled ? 'canceled' : 'succeeded', result, artifacts: [written.artifact, report] };
}

type Report = UnitReport<JobResult | DryRunSummary<JobResult['baseline']>>;

interface Told extends Pick<Report, 'summary' | 'schedule' | 'training'> {
  readonly importances: Importances;
  readonly subnet: Graph;
}

/** Writes `report.json`, the last that a job does: the mutator's choices, and what is told of them. */
export async function writeReport(
  { spec, warnings, progress }: Job,
  { model, engine, algorithm: { mutator } }: Pick<Analyzed, 'model' | 'engine' | 'algorithm'>,
  { summary, schedule, training, importances, subnet }: Told,
): Promise<Artifact> {
  const { config, outDir } = spec;
  const { inputs } = model.graph;
  const report: Report = {
    summary,
    schedule,
    units: unitRows(mutator, importances),
    layers: layerRows(withoutSpares(model.graph), subnet, config.counting),
    unprunable: mutator.unprunable,
    warnings,
    ...(training ? { training } : {}),
    environment: {
      version: VERSION,
      engine: engine.name,
      device: engine.device,
      threads: engine.threads,
      inputs: Object.fromEntries(inputs.map((id) => [id, getSpec(model.graph, id).shape.slice(1).map(Number)])),
      seed: config.seed,
      config_sha256: createHash('sha256').update(JSON.stringify(config)).digest('hex'),
      model_sha256: spec.model.sha256,
    },
  };
  const artifact = await writeJsonArtifact(outDir, 'report.json', report);
  progress.done();
  return artifact;
}
