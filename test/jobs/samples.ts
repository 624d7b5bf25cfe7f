import { createHash } from 'node:crypto';
import type { DatasetInspection, JobOutcome, ModelInspection, ModelMeasures } from '../../src/contract.js';
import { createId } from '../../src/jobs/ids.js';
import type { Job } from '../../src/jobs/job.js';
import type { NewUpload } from '../../src/jobs/upload.js';
import { resolveConfig } from '../../src/prune-config/index.js';

export const sha = (text: string) => createHash('sha256').update(text).digest('hex');

export const INSPECTION: ModelInspection = {
  format: 'tfjs-layers',
  name: 'tiny',
  inputs: [{ name: 'image', shape: [null, 8, 8, 1], dtype: 'float32' }],
  outputs: [{ name: 'softmax', shape: [null, 3], dtype: 'float32' }],
  parameters: 100,
  macs: 1000,
  units: {
    type: 'ChannelMutator',
    channel_unit_cfg: {
      type: 'L1ChannelUnit',
      default_args: { choice_mode: 'ratio', divisor: 1, min_value: 1, min_ratio: 0.9 },
      units: {
        'conv_(0, 8)_8': {
          init_args: { num_channels: 8 },
          channels: {
            output_related: [{ name: 'conv', start: 0, end: 8 }],
            input_related: [{ name: 'dense', start: 0, end: 8 }],
          },
          choice: 1,
          num_channels: 8,
          is_mutable: true,
        },
        'dense_(0, 3)_3': { init_args: {}, choice: 1, num_channels: 3, is_mutable: false },
      },
    },
    parse_cfg: { type: 'ChannelAnalyzer' },
    unprunable: [{ layer: 'dense', channels: 3, code: 'OUTPUT', reason: 'reaches the output "softmax"' }],
  },
  warnings: [],
};

export const DATASET: DatasetInspection = {
  kind: 'npz',
  samples: { train: 100, validation: 20 },
  input_shape: [8, 8, 1],
  dtype: 'uint8',
  label_kind: 'index',
  num_classes: 3,
  warnings: [],
};

export function modelUpload(text = 'model'): NewUpload<'model'> {
  const { units, ...inspection } = INSPECTION;
  const blob = { blob: sha(text), sha256: sha(text), name: 'model.zip' };
  const createdAt = new Date().toISOString();
  return { id: createId('mdl'), kind: 'model', blob, sizeBytes: text.length, createdAt, inspection, units };
}

export function newJob(model: string, change: Partial<Job> = {}): Job {
  return {
    id: createId('job'),
    status: 'queued',
    phase: null,
    progress: 0,
    model,
    dataset: null,
    config: resolveConfig({}, { hasDataset: false }),
    attempt: 0,
    cancelRequested: false,
    createdAt: new Date().toISOString(),
    startedAt: null,
    finishedAt: null,
    warnings: [],
    error: null,
    result: null,
    requestId: null,
    ...change,
  };
}

const measures: ModelMeasures = {
  accuracy: 0.9,
  loss: 0.1,
  agreement: 1,
  parameters: 10,
  macs: 100,
  size_bytes: 40,
  latency_ms: 1,
};

const row = { accuracy: 0.9, loss: 0.1, agreement: 1, samples: 100, interval: [0.83, 0.94], seconds: 0.5 } as const;

export const OUTCOME: JobOutcome = {
  status: 'succeeded',
  result: {
    headline: 'All of the MACs; accuracy 90.0 % → 90.0 % (95 % interval 82.6 to 94.5, 100 samples)',
    stages: [
      { stage: 'original', ...row },
      { stage: 'exported', ...row },
    ],
    baseline: measures,
    pruned: measures,
    equivalence: {
      max_abs_diff: 0,
      relative: 0,
      samples: 8,
      ok: true,
      limit: 1e-4,
      engines: { names: ['native', 'onnxruntime'], original: 1e-7, delivered: 'file' },
    },
    engine: { name: 'onnxruntime', device: 'cpu' },
    latency: null,
  },
  artifacts: [
    { name: 'model.zip', content_type: 'application/zip', size_bytes: 10, sha256: sha('0123456789') },
    { name: 'report.json', content_type: 'application/json', size_bytes: 2, sha256: sha('{}') },
  ],
  warnings: [{ code: 'W', message: 'a warning' }],
};
