/** A small trained-looking model and data set on disk, and a way to run jobs on them in this process. */
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { drawShapes, SHAPE_SIZE } from '../../examples/shapes.js';
import { writeNpz } from '../../examples/write-npz.js';
import type { JobListener, JobOutcome, JobSpec, Phase } from '../../src/contract.js';
import { loadParts, runJob } from '../../src/pipeline/index.js';
import { resolveConfig } from '../../src/prune-config/index.js';
import { modelFiles, tf } from './tfjs.js';

export interface Recording {
  readonly phases: Phase[];
  readonly progress: number[];
  readonly metrics: { name: string; value: number; epoch?: number }[];
  readonly warnings: string[];
  readonly logs: string[];
}

export interface JobBench {
  readonly folder: string;
  readonly modelPath: string;
  readonly dataPath: string;
  run(
    config: unknown,
    options?: {
      data?: boolean;
      checkpointDir?: string;
      plugins?: readonly string[];
      engine?: JobSpec['engine'];
      device?: JobSpec['device'];
      signal?: AbortSignal;
      onMetric?: JobListener['metric'];
      onPhase?: JobListener['phase'];
      /** Another data set than the bench's own. */
      dataPath?: string;
      memoryBytes?: number;
      checkpointMs?: number;
    },
  ): Promise<{ outcome: JobOutcome; outDir: string; recording: Recording }>;
}

/** conv-bn-relu ×2 with a dropout, dense softmax; weights are random from fixed seeds. */
export function smallClassifier(): tf.LayersModel {
  const seed = (s: number) => tf.initializers.glorotNormal({ seed: s });
  return tf.sequential({
    layers: [
      tf.layers.conv2d({
        name: 'conv1',
        filters: 8,
        kernelSize: 3,
        strides: 2,
        inputShape: [SHAPE_SIZE, SHAPE_SIZE, 1],
        kernelInitializer: seed(1),
      }),
      tf.layers.batchNormalization({ name: 'bn1', momentum: 0.8 }),
      tf.layers.reLU({ name: 'relu1' }),
      tf.layers.conv2d({ name: 'conv2', filters: 12, kernelSize: 3, strides: 2, kernelInitializer: seed(2) }),
      tf.layers.reLU({ name: 'relu2' }),
      tf.layers.flatten({ name: 'flat' }),
      tf.layers.dropout({ name: 'drop', rate: 0.25 }),
      tf.layers.dense({ name: 'scores', units: 10, activation: 'softmax', kernelInitializer: seed(3) }),
    ],
  });
}

export async function openJobBench(
  model: tf.LayersModel,
  samples = { train: 640, validation: 100 },
): Promise<JobBench> {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-job-'));
  const modelPath = join(folder, 'model');
  await mkdir(modelPath);
  for (const [name, bytes] of await modelFiles(model)) await writeFile(join(modelPath, name), bytes);
  const dataPath = join(folder, 'data.npz');
  const train = drawShapes(samples.train, 1);
  const test = drawShapes(samples.validation, 2);
  await writeNpz(dataPath, { x_train: train.x, y_train: train.y, x_test: test.x, y_test: test.y });
  let runs = 0;
  return {
    folder,
    modelPath,
    dataPath,
    run: async (
      config,
      {
        data = true,
        dataPath: dataOf = dataPath,
        checkpointDir,
        plugins = [],
        engine = 'auto',
        device,
        signal,
        onMetric,
        onPhase,
        memoryBytes,
        checkpointMs,
      } = {},
    ) => {
      const outDir = join(folder, `out${++runs}`);
      const checkpoints = checkpointDir ?? join(folder, `checkpoint${runs}`);
      await mkdir(outDir);
      await mkdir(checkpoints, { recursive: true });
      const recording: Recording = { phases: [], progress: [], metrics: [], warnings: [], logs: [] };
      const spec: JobSpec = {
        jobId: `job_${runs}`,
        model: { path: modelPath, name: 'model', sha256: 'model' },
        ...(data ? { dataset: { path: dataOf, name: basename(dataOf), sha256: 'data' } } : {}),
        config: resolveConfig(config, { hasDataset: data, installed: await loadParts(plugins) }),
        outDir,
        checkpointDir: checkpoints,
        engine,
        device,
        threads: 1,
        ...(memoryBytes === undefined ? {} : { memoryBytes }),
        ...(checkpointMs === undefined ? {} : { checkpointMs }),
        plugins,
      };
      const listener: JobListener = {
        phase: (phase) => {
          recording.phases.push(phase);
          onPhase?.(phase);
        },
        progress: (fraction) => recording.progress.push(fraction),
        metric: (metric) => {
          recording.metrics.push(metric);
          onMetric?.(metric);
        },
        warning: ({ code }) => recording.warnings.push(code),
        log: (message) => recording.logs.push(message),
      };
      const outcome = await runJob(spec, listener, signal ?? new AbortController().signal);
      return { outcome, outDir, recording };
    },
  };
}
