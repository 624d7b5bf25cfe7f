/**
 * What the API, workers and the pipeline hand to each other. JSON all through: it crosses process borders. Whoever checks
 * it has schemas of these types (workers/protocol.ts); here are none, since users' compilers read this file.
 */
import type { ArchiveLimits } from './archive/limits.js';
import type { DeviceName, EngineName } from './installed-engines.js';
import type { DatasetInspection } from './prune-config/inspection.js';
import type { PruneConfig } from './prune-config/resolved.js';

export type { DatasetInspection, ModelInspection, TensorInfo } from './prune-config/inspection.js';

export const PHASES = [
  'loading',
  'analyzing',
  'baseline',
  'pruning',
  'recovering',
  'finetuning',
  'evaluating',
  'verifying',
  'exporting',
] as const;
export type Phase = (typeof PHASES)[number];

/** What a data set's file may be, in the order in which they are tried. */
export const DATASET_FORMATS: readonly DatasetInspection['kind'][] = ['npz', 'images'];

export interface Warning {
  readonly code: string;
  readonly message: string;
}

export interface JobSpec {
  readonly jobId: string;
  /** A stored upload: a single file (zip, onnx, …) or a folder of files. `name` is the user's file name. */
  readonly model: { readonly path: string; readonly name: string; readonly sha256: string };
  readonly dataset?: { readonly path: string; readonly name: string; readonly sha256: string };
  readonly config: PruneConfig;
  /** The attempt's own folder: artifacts go here. Made by the caller, empty. */
  readonly outDir: string;
  /** Survives attempts: checkpoints are written here and resumed from here. */
  readonly checkpointDir: string;
  /** After how long within an epoch a checkpoint is written; absent: at the ends of epochs alone. What comes out is the same. */
  readonly checkpointMs?: number;
  readonly engine: EngineName;
  /** What the engine computes on; absent: what it chooses. */
  readonly device?: DeviceName;
  /** Compute threads; 0 means one for each core. */
  readonly threads: number;
  /** Resident memory that the job may hold; training keeps to it. Absent: whatever it takes. */
  readonly memoryBytes?: number;
  /** What the model may unpack to, and the data set; absent: the defaults. */
  readonly archive?: ArchiveLimits;
  readonly datasetArchive?: ArchiveLimits;
  /** Modules of the operator's own parts (see plugins.ts), loaded in this order. */
  readonly plugins?: readonly string[];
}

/** Called during a run. `progress` never decreases and is in [0, 1]. */
export interface JobListener {
  phase(phase: Phase): void;
  progress(fraction: number): void;
  metric(metric: Metric): void;
  warning(warning: Warning): void;
  log(message: string, fields?: Record<string, unknown>): void;
}

export interface Metric {
  readonly name: string;
  readonly value: number;
  readonly step?: number;
  readonly epoch?: number;
}

/** What a {@link JobListener} is told, as a message. */
export type JobEvent =
  | { readonly type: 'phase'; readonly phase: Phase }
  | { readonly type: 'progress'; readonly progress: number }
  | ({ readonly type: 'metric' } & Metric)
  | ({ readonly type: 'warning' } & Warning)
  | { readonly type: 'log'; readonly message: string; readonly fields?: Record<string, unknown> };

/** What a job makes of a model, in order. */
export const MODEL_STAGES = ['original', 'pruned', 'recovered', 'distilled', 'finetuned', 'exported'] as const;
export type ModelStage = (typeof MODEL_STAGES)[number];

/** What one step of a job gave, measured on samples that nothing was learned from. */
export interface StageRow {
  /**
   * `original`: as it came. `pruned`: raw, after the last prune step. `distilled`: trained by the original alone, `finetuned`
   * by labels. `exported`: what is read from the delivered file.
   */
  readonly stage: ModelStage;
  /** As in {@link ModelMeasures}. */
  readonly accuracy: number | null;
  readonly loss: number | null;
  /** As in {@link ModelMeasures}. */
  readonly agreement: number | null;
  /** Looked at for the accuracy; where there is none, for the agreement. */
  readonly samples: number;
  /** At 95%, of the accuracy; where there is none, of an agreement that is a share of samples; else null. */
  readonly interval: readonly [low: number, high: number] | null;
  /** Since the row before it, measuring included; of the first, since the job began to run. */
  readonly seconds: number;
}

/** What the delivered model may be held against: networks of its widths. */
export const CONTROLS = ['random', 'scratch'] as const;
export type Control = (typeof CONTROLS)[number];

/** How well a control does, on the samples that {@link StageRow}s are of. */
export interface ControlRow extends Omit<StageRow, 'stage' | 'seconds'> {
  /** `random`: channels chosen at random, recovered and trained the same way. `scratch`: fresh weights, trained as long. */
  readonly control: Control;
}

export interface ModelMeasures {
  /** The mean of the outputs' accuracies; null without labels, and where no output is a classification. */
  readonly accuracy: number | null;
  /**
   * The share of samples on which it chooses as the original does; of outputs that are numbers, 1 less their relative error.
   * null without data.
   */
  readonly agreement: number | null;
  readonly loss: number | null;
  readonly parameters: number;
  readonly macs: number;
  readonly size_bytes: number;
  readonly latency_ms: number | null;
  /**
   * What each scored output was scored by: `accuracy`, `pixel_accuracy`, `binary_accuracy`, `agreement` with the original
   * model, or `mean_absolute_error`.
   */
  readonly metrics?: readonly { readonly output: string; readonly metric: string; readonly value: number }[];
}

/** Two models timed against each other by turns, one sample at a time. Intervals are of medians, at 95%. */
export interface LatencyMeasurement {
  /** What both models ran on: onnxruntime on the CPU, whatever trained. */
  readonly engine: string;
  /** Threads of one operator. */
  readonly threads: number;
  /** Timed runs of each model. */
  readonly runs: number;
  /** The pruned model's time over the original's: the median over turns, so not quite the ratio of the two medians. */
  readonly share: number;
  readonly intervals: {
    readonly baseline_ms: readonly [lower: number, upper: number];
    readonly pruned_ms: readonly [lower: number, upper: number];
    readonly share: readonly [lower: number, upper: number];
  };
}

/** How a delivered file is run for its certificate. */
export const RUN_AS = ['file', 'graph'] as const;

export interface JobResult {
  /** A sentence: what was saved, and what that cost. */
  readonly headline: string;
  /** What each step gave, in order; the last is `pruned` below. */
  readonly stages: readonly StageRow[];
  /** In the order that was asked for; absent where none was. */
  readonly controls?: readonly ControlRow[];
  readonly baseline: ModelMeasures;
  readonly pruned: ModelMeasures;
  readonly equivalence: {
    readonly max_abs_diff: number;
    readonly relative: number;
    readonly samples: number;
    readonly ok: boolean;
    /** What `relative` may be at most: 1e-4, or three times `engines.original` where that is more. */
    readonly limit: number;
    readonly engines: {
      /** What computed the masked original, and what the delivered file. */
      readonly names: readonly [masked: string, delivered: string];
      /** How far the original's own outputs on two engines differ, as `relative` is counted; null where there were no two. */
      readonly original: number | null;
      /** `file`: onnxruntime ran the delivered file's own bytes. `graph`: what was read from them was run. */
      readonly delivered: (typeof RUN_AS)[number];
      /** Why the file itself was not run, or why there was but one engine. */
      readonly reason?: string;
    };
    /** Files of quantized weights only: how far rounding the trained weights moves the outputs, as `relative` is counted. */
    readonly quantization_error?: number;
  } | null;
  readonly engine: { name: string; device: string };
  /** How `latency_ms` were measured; null where nothing was timed. */
  readonly latency: LatencyMeasurement | null;
}

export interface Artifact {
  /** File name in `outDir`. `model…` is the pruned model, `report.json` the unit report. */
  readonly name: string;
  readonly content_type: string;
  readonly size_bytes: number;
  readonly sha256: string;
}

export const OUTCOMES = ['succeeded', 'canceled'] as const;

/** What {@link JobRunner} resolves with. `canceled`: the signal stopped it; artifacts hold the best point, if any. */
export interface JobOutcome {
  readonly status: (typeof OUTCOMES)[number];
  readonly result: JobResult | null;
  readonly artifacts: readonly Artifact[];
  readonly warnings: readonly Warning[];
}

/** Runs a job in this process. @throws EspalierError */
export type JobRunner = (spec: JobSpec, listener: JobListener, signal: AbortSignal) => Promise<JobOutcome>;
