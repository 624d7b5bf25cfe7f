/** The unit report: which channels went, which stayed, and what that did (API.md, "Unit report"). */
import type { Warning } from '../contract.js';

/** How the weights that were left after a prune step were set by samples. */
export interface RecoveryRow {
  /** The way that was taken: `none` where the network as it was did best. */
  readonly method: string;
  readonly samples: number;
  /** By method that was tried: how far outputs were from the original's, on samples that it was not fitted to. */
  readonly divergences: Readonly<Record<string, number>>;
  /** Layers that were set and have neither a bias nor a batch norm behind them: means that are off stay so there. */
  readonly without_bias: number;
}

export interface ScheduleRow {
  readonly step: number;
  readonly iteration: number;
  readonly epoch: number;
  /** What was asked of each unit. */
  readonly requested: Readonly<Record<string, number>>;
  /** What it came to after rounding. */
  readonly choices: Readonly<Record<string, number>>;
  readonly macs: number;
  readonly parameters: number;
  /** Absent where nothing was recovered. */
  readonly recovery?: RecoveryRow;
  /** After recovery. */
  readonly accuracy_before_finetune: number | null;
  readonly accuracy_after_finetune: number | null;
}

export interface RelatedLayer {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

export interface UnitRow {
  readonly name: string;
  readonly num_channels: number;
  readonly kept: number;
  /** `kept / num_channels`. */
  readonly ratio: number;
  /** Of every channel, on the full weights as they were when the last choice was made: `kept_indices` are the largest. */
  readonly importance: { readonly criterion: string; readonly values: readonly number[] };
  /** In the original model's coordinates, ascending. */
  readonly kept_indices: readonly number[];
  readonly output_related: readonly RelatedLayer[];
  readonly input_related: readonly RelatedLayer[];
  /** True when an op without weights of its own (softmax, mean over channels) runs over the kept channels only. */
  readonly renormalised: boolean;
}

export interface LayerMeasure {
  /** Output shape; null where a dimension is known only at run time. */
  readonly shape: readonly (number | null)[];
  readonly parameters: number;
  readonly macs: number;
}

export interface LayerRow {
  readonly name: string;
  readonly op: string;
  readonly before: LayerMeasure;
  /** Null for a layer that left the file with an output that was not kept. */
  readonly after: LayerMeasure | null;
}

/** What a dry run found: nothing was pruned, trained or written. */
export interface DryRunSummary<Measures> {
  readonly baseline: Measures;
  readonly predicted: {
    readonly macs: number;
    readonly parameters: number;
    /** Bytes of the files as they would be written. */
    readonly size: number;
    /** Milliseconds; null unless the target is a latency, since only then something is timed. */
    readonly latency: number | null;
  };
  /** How latencies were measured. */
  readonly latency: object | null;
  readonly reachable: boolean;
  /** Of the target's measure, where it can't be reached. */
  readonly nearest?: Readonly<Record<string, number>>;
  readonly choices: Readonly<Record<string, number>>;
  readonly engine: { readonly name: string; readonly device: string };
}

/** How the job was trained. */
export interface TrainingSummary {
  readonly outputs: readonly {
    readonly name: string;
    readonly loss: string;
    /** `index`, `one_hot`, `values`; `none` where the original model is all there is to learn from. */
    readonly labels: string;
    readonly distilled: boolean;
  }[];
  /** Times that the samples are gone through: a part of one where a budget ends within it. */
  readonly epochs: number;
  /** Fewer where it stopped early. */
  readonly epochs_trained: number;
  /** Optimizer steps that were made. */
  readonly steps: number;
  /** As named, or as the data settled it. */
  readonly optimizer: { readonly type: string; readonly learning_rate: number };
  /** Multiply-adds that the epochs follow from; absent where epochs were named. */
  readonly budget?: number;
  /** With early stopping: the epoch whose weights are delivered, from 0. */
  readonly best_epoch?: number;
  /** Training gained nothing on samples held back: the weights from before it are delivered. */
  readonly discarded: boolean;
  readonly batch_size: number;
  /** Smaller than the batch where that did not fit into the memory. */
  readonly micro_batch_size: number;
  /** Predicted; null where nothing was trained. */
  readonly step_memory_bytes: number | null;
}

export interface UnitReport<Summary> {
  readonly summary: Summary;
  readonly schedule: readonly ScheduleRow[];
  readonly units: readonly UnitRow[];
  readonly layers: readonly LayerRow[];
  readonly unprunable: readonly { layer: string; channels: number; code: string; reason: string }[];
  readonly warnings: readonly Warning[];
  /** Absent where nothing was trained, or not to the end. */
  readonly training?: TrainingSummary;
  readonly environment: {
    readonly version: string;
    readonly engine: string;
    readonly device: string;
    readonly threads: number;
    /** The model's inputs, by name: the extents of one sample, which MACs were counted at. */
    readonly inputs: Readonly<Record<string, readonly number[]>>;
    readonly seed: number;
    readonly config_sha256: string;
    readonly model_sha256: string;
  };
}
