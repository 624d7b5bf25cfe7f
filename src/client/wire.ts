// Generated from the schemas in src/api and src/prune-config (npm run openapi); a test holds them together.

/** A pruning job. */
export interface JobView {
  id: string;
  status: 'queued' | 'running' | 'succeeded' | 'failed' | 'canceled';
  /**
   * `loading`, `analyzing`, `baseline`, `pruning`, `recovering`, `finetuning`, `evaluating`, `verifying` or
   * `exporting`.
   */
  phase: string | null;
  progress: number;
  model: string;
  dataset: string | null;
  /** When it was made. */
  created_at: string;
  /** When a worker first took it. */
  started_at: string | null;
  /** When it ended. */
  finished_at: string | null;
  error: {
    code: string;
    message: string;
    /**
     * `loading`, `analyzing`, `baseline`, `pruning`, `recovering`, `finetuning`, `evaluating`, `verifying` or
     * `exporting`.
     */
    phase: string | null;
    retryable: boolean;
  } | null;
  links: {
    self: string;
    events: string;
    model: string;
    report: string;
    artifacts: string;
  };
  /** With every default in place. */
  config: Record<string, unknown>;
  warnings: {
    code: string;
    message: string;
  }[];
  result: {
    /** What was saved, and what that cost, in a sentence. */
    headline?: string;
    /** What each step gave, in order; the last is `pruned`. */
    stages?: {
      /**
       * `original`: as it came. `pruned`: raw, after the last prune step. `recovered`: its weights solved anew.
       * `distilled`: trained by the original alone. `finetuned`: trained by labels. `exported`: what is read from the
       * delivered file.
       */
      stage: 'original' | 'pruned' | 'recovered' | 'distilled' | 'finetuned' | 'exported';
      /** As in `pruned`. */
      accuracy: number | null;
      loss: number | null;
      /** As in `pruned`. */
      agreement: number | null;
      /** That the accuracy is of; where there is none, that the agreement is of. None was learned from. */
      samples: number;
      /** 95% interval (Wilson) of the accuracy; where there is none, of an agreement that is a share of samples. */
      interval: number[] | null;
      /** Since the row before, measuring included; of the first, since the job began to run. */
      seconds: number;
    }[];
    /** Networks of the same widths, where `controls` asked for them. */
    controls?: {
      /**
       * `random`: channels chosen at random, recovered and trained the same way. `scratch`: fresh weights, trained as
       * long.
       */
      control: 'random' | 'scratch';
      /** As in `pruned`. */
      accuracy: number | null;
      loss: number | null;
      /** As in `pruned`. */
      agreement: number | null;
      /** That the accuracy is of; where there is none, that the agreement is of. None was learned from. */
      samples: number;
      /** 95% interval (Wilson) of the accuracy; where there is none, of an agreement that is a share of samples. */
      interval: number[] | null;
    }[];
    baseline: {
      /**
       * Share of the validation samples (pixels, sides) that are right, the mean over outputs; null without labels of
       * classes.
       */
      accuracy: number | null;
      loss: number | null;
      /**
       * Share of the samples on which it chooses as the original does, the mean over outputs that choose (classes,
       * sides); where none does, 1 less the relative error of its outputs, at least 0. null without data.
       */
      agreement?: number | null;
      parameters: number;
      /** Multiply-adds of one sample. */
      macs: number;
      size_bytes: number;
      /** Of one sample, measured on the worker. */
      latency_ms: number | null;
      /** What each output was scored by. */
      metrics?: {
        output: string;
        /**
         * `accuracy`, `pixel_accuracy`, `binary_accuracy`, `agreement` (with the original model) or
         * `mean_absolute_error`.
         */
        metric: string;
        value: number;
      }[];
    };
    pruned: {
      /**
       * Share of the validation samples (pixels, sides) that are right, the mean over outputs; null without labels of
       * classes.
       */
      accuracy: number | null;
      loss: number | null;
      /**
       * Share of the samples on which it chooses as the original does, the mean over outputs that choose (classes,
       * sides); where none does, 1 less the relative error of its outputs, at least 0. null without data.
       */
      agreement?: number | null;
      parameters: number;
      /** Multiply-adds of one sample. */
      macs: number;
      size_bytes: number;
      /** Of one sample, measured on the worker. */
      latency_ms: number | null;
      /** What each output was scored by. */
      metrics?: {
        output: string;
        /**
         * `accuracy`, `pixel_accuracy`, `binary_accuracy`, `agreement` (with the original model) or
         * `mean_absolute_error`.
         */
        metric: string;
        value: number;
      }[];
    };
    /** The written file, read again and run, against the masked full network, on two engines where there are two. */
    equivalence: {
      max_abs_diff: number;
      relative: number;
      samples: number;
      ok: boolean;
      /** What `relative` may be at most: 1e-4, or three times `engines.original` where that is more. */
      limit?: number;
      engines?: {
        /** What computed the masked original, and what the delivered file. */
        names: string[];
        /**
         * How far the original model's own outputs on two engines differ, relative as above; null where there were no
         * two.
         */
        original: number | null;
        /** `file`: onnxruntime ran the delivered file's own bytes. `graph`: what was read from them was run. */
        delivered: 'file' | 'graph';
        /** Why the file itself was not run, or why there was but one engine. */
        reason?: string;
      };
      /** Files of quantized weights only: how far rounding them moves the outputs, relative as above. */
      quantization_error?: number;
    } | null;
    engine: {
      name: string;
      device: string;
    };
    /** Two models timed against each other by turns, one sample at a time. */
    latency?: {
      /** What both models ran on: onnxruntime on the CPU, whatever trained. */
      engine: string;
      /** Threads of one operator. */
      threads: number;
      /** Timed runs of each model. */
      runs: number;
      /**
       * The pruned model's time over the original's: the median over turns, so not quite the ratio of the two medians.
       */
      share: number;
      intervals: {
        /** 95% interval of the median. */
        baseline_ms: number[];
        /** 95% interval of the median. */
        pruned_ms: number[];
        /** 95% interval of the median. */
        share: number[];
      };
    } | null;
  } | null;
}

/** A job as lists have it: without its config, its result and the texts of its warnings. */
export interface JobSummaryView {
  id: string;
  status: 'queued' | 'running' | 'succeeded' | 'failed' | 'canceled';
  /**
   * `loading`, `analyzing`, `baseline`, `pruning`, `recovering`, `finetuning`, `evaluating`, `verifying` or
   * `exporting`.
   */
  phase: string | null;
  progress: number;
  model: string;
  dataset: string | null;
  /** When it was made. */
  created_at: string;
  /** When a worker first took it. */
  started_at: string | null;
  /** When it ended. */
  finished_at: string | null;
  error: {
    code: string;
    message: string;
    /**
     * `loading`, `analyzing`, `baseline`, `pruning`, `recovering`, `finetuning`, `evaluating`, `verifying` or
     * `exporting`.
     */
    phase: string | null;
    retryable: boolean;
  } | null;
  links: {
    self: string;
    events: string;
    model: string;
    report: string;
    artifacts: string;
  };
  /** Their texts stand in the job itself. */
  warnings: {
    code: string;
  }[];
}

/** A stored model. */
export interface ModelView {
  /** Sorts by time of upload. */
  id: string;
  /** What it was read as: `tfjs-layers` or `onnx`. */
  format: string;
  /** The model's own name, else the file's. */
  name: string;
  /** Of the file; of a folder, of its sorted lines "SHA256  NAME". */
  sha256: string;
  size_bytes: number;
  inputs: {
    name: string;
    /** null is the batch, or unknown. */
    shape: (number | null)[];
    dtype: string;
  }[];
  outputs: {
    name: string;
    /** null is the batch, or unknown. */
    shape: (number | null)[];
    dtype: string;
  }[];
  parameters: number;
  /** Multiply-adds of one sample. */
  macs: number;
  warnings: {
    code: string;
    message: string;
  }[];
  /** When it was uploaded. */
  created_at: string;
}

/** A stored data set. */
export interface DatasetView {
  /** Sorts by time of upload. */
  id: string;
  /** `npz` or `images`. */
  kind: string;
  /** The file's name. */
  name: string;
  /** Of the file; of a folder, of its sorted lines "SHA256  NAME". */
  sha256: string;
  size_bytes: number;
  samples: {
    train: number;
    validation: number;
    /** Kept for the last figures, where training is judged by `validation`. */
    test?: number;
  };
  /** Of one sample; null where they differ, as images may. */
  input_shape: number[] | null;
  dtype: string;
  /** `index`, `one_hot`, `values` (any other numbers) or `none`. */
  label_kind: string;
  num_classes: number | null;
  /** Of one sample's labels. */
  label_shape?: number[] | null;
  /** Outputs that labels are named for. */
  label_outputs?: string[];
  /** Names of the folders of classes, in the order of the numbers that they have as labels. */
  classes?: string[];
  warnings: {
    code: string;
    message: string;
  }[];
  /** When it was uploaded. */
  created_at: string;
}

/**
 * The channel units of a model: the mutator's config template. It can be sent back as `mutator_cfg`, with
 * `parse_cfg.type` `Config`.
 */
export interface UnitsView {
  type: string;
  channel_unit_cfg: {
    type: string;
    criterion?: string;
    default_args: Record<string, number | boolean | null | string | (number | string)[]>;
    units: Record<string, {
      init_args?: Record<string, number | boolean | null | string | (number | string)[]>;
      /** Layers that produce and layers that consume these channels. */
      channels?: {
        output_related: {
          name: string;
          start: number;
          end: number;
        }[];
        input_related: {
          name: string;
          start: number;
          end: number;
        }[];
      };
      choice: number;
      num_channels: number;
      is_mutable: boolean;
    }>;
  };
  parse_cfg: {
    type: string;
  };
  unprunable: {
    layer: string;
    channels: number;
    /** A code of docs/reasons.md. */
    code: string;
    reason: string;
  }[];
}

export interface ArtifactView {
  name: string;
  content_type: string;
  size_bytes: number;
  sha256: string;
  url: string;
}

/**
 * How to prune and finetune. Everything has a default: half of the MACs, channels and widths by samples of the data set
 * (or by what the model holds of its own), recovery, finetuning when there is a data set.
 */
export interface PruneConfigInput {
  algorithm?: {
    /** When channels go. `GET /capabilities` lists all that there are. Default `IteAlgorithm`. */
    type?: string;
    mutator_cfg?: {
      /**
       * `ChannelMutator`, `OneShotChannelMutator` (candidates), `SlimmableChannelMutator` (candidates that form
       * subnets). `GET /capabilities` lists all that there are. Default `ChannelMutator`.
       */
      type?: string;
      channel_unit_cfg?: {
        /**
         * How a unit chooses its channels: `L1ChannelUnit` keeps the largest mean absolute weights,
         * `SequentialChannelUnit` the first ones, `CriterionChannelUnit` the best by `criterion`; `OneShotChannelUnit`
         * and `SlimmableChannelUnit` the first ones, as many as one of `candidate_choices`. Mutators may start from
         * another. `GET /capabilities` lists all that there are. Default `CriterionChannelUnit`.
         */
        type?: string;
        /**
         * What a `CriterionChannelUnit` ranks channels by; other types take none: `obs` by what the layers that read
         * them lose on samples, `l1` by mean absolute weights, `auto` by samples where there are some, else by weights.
         * Default `auto`. `GET /capabilities` lists all that there are.
         */
        criterion?: string;
        /** Arguments of every unit that has none of its own. Types of units may start from others than said here. */
        default_args?: {
          /**
           * What a choice means: `ratio` the remaining share in (0, 1], `number` a count of channels, `bucket` one of
           * `candidate_choices`. Default `ratio`.
           */
          choice_mode?: 'ratio' | 'number' | 'bucket';
          /**
           * Kept channels are a multiple of this. `auto`: of what the runtime rewards, measured on this machine, where
           * a `target` is planned for; any number elsewhere. Default 1.
           */
          divisor?: number | 'auto';
          /** Never fewer channels than this. Default 1. */
          min_value?: number;
          /** Rounding to `divisor` never goes below this share of the choice. Default 0.9. */
          min_ratio?: number;
          /** The choices of `bucket` mode: whole numbers are channels, fractions are shares. */
          candidate_choices?: number[];
          /** The least share of its channels that a `target` leaves a unit. Default 0.1. */
          floor?: number;
          /** The greatest share of its channels that a `target` leaves a unit. Default 1. */
          cap?: number;
        };
        /** Settings by unit name, as `GET /models/{id}/units` lists them. */
        units?: Record<string, {
          /** Arguments of this unit, merged over `default_args`. */
          init_args?: {
            num_channels?: number;
            /**
             * What a choice means: `ratio` the remaining share in (0, 1], `number` a count of channels, `bucket` one of
             * `candidate_choices`.
             */
            choice_mode?: 'ratio' | 'number' | 'bucket';
            /**
             * Kept channels are a multiple of this. `auto`: of what the runtime rewards, measured on this machine,
             * where a `target` is planned for; any number elsewhere.
             */
            divisor?: number | 'auto';
            /** Never fewer channels than this. */
            min_value?: number;
            /** Rounding to `divisor` never goes below this share of the choice. */
            min_ratio?: number;
            /** The choices of `bucket` mode: whole numbers are channels, fractions are shares. */
            candidate_choices?: number[];
            /** The least share of its channels that a `target` leaves a unit. */
            floor?: number;
            /** The greatest share of its channels that a `target` leaves a unit. */
            cap?: number;
          };
          /** The coupled channels; read when `parse_cfg.type` is `Config`. */
          channels?: {
            /** Layers that produce these channels. */
            output_related: {
              /** The layer's name. */
              name: string;
              /** First channel. Default 0. */
              start?: number;
              /** One past the last channel. Default: all of the unit. */
              end?: number;
            }[];
            /** Layers that consume these channels. */
            input_related: {
              /** The layer's name. */
              name: string;
              /** First channel. Default 0. */
              start?: number;
              /** One past the last channel. Default: all of the unit. */
              end?: number;
            }[];
          };
          /** What stays, by `choice_mode`. Used as the target when there is no other target. */
          choice?: number;
          num_channels?: number;
          is_mutable?: boolean;
        }>;
      };
      parse_cfg?: {
        /**
         * Where the units come from: `ChannelAnalyzer` finds them, `Config` takes them from `channel_unit_cfg.units`.
         * Default `ChannelAnalyzer`.
         */
        type?: 'ChannelAnalyzer' | 'Config';
      };
      /** Part of what `GET /models/{id}/units` answers; not read. */
      unprunable?: {
        layer?: string;
        channels?: number;
        code?: string;
        reason?: string;
      }[];
    };
    /** Epochs between prune steps; iterations where `finetune.epochs` is 1. Default 1. */
    step_freq?: number;
    /**
     * Prune steps. Default 3 where `finetune.epochs` says how long is trained (fewer when those are too few) or
     * `recovery.method` is `none`, else 1. The last one, at (prune_times - 1) * step_freq, must come before the last
     * epoch ends.
     */
    prune_times?: number;
    /** Step by step to the target, or all of it at the first step. Default true. */
    linear_schedule?: boolean;
    /**
     * What stays, by `choice_mode` (a share in (0, 1] by default): one number for all units, or one by unit name.
     * Excludes `target`.
     */
    target_pruning_ratio?: number | Record<string, number>;
  };
  /**
   * What the pruned model may cost: one of the fields. Excludes `algorithm.target_pruning_ratio`. Default {"macs":0.5}.
   */
  target?: {
    /** A share in (0, 1] of the original, or {"at_most": NUMBER} in multiply-adds. */
    macs?: number | {
      /** multiply-adds */
      at_most: number;
    };
    /** A share in (0, 1] of the original, or {"at_most": NUMBER} in multiply-adds (another name of `macs`). */
    flops?: number | {
      /** multiply-adds (another name of `macs`) */
      at_most: number;
    };
    /** A share in (0, 1] of the original, or {"at_most": NUMBER} in parameters. */
    parameters?: number | {
      /** parameters */
      at_most: number;
    };
    /** A share in (0, 1] of the original, or {"at_most": NUMBER} in bytes. */
    size?: number | {
      /** bytes */
      at_most: number;
    };
    /**
     * A share in (0, 1] of the original, or {"at_most": NUMBER} in milliseconds of one sample, median, measured on the
     * worker.
     */
    latency?: number | {
      /** milliseconds of one sample, median, measured on the worker */
      at_most: number;
    };
    /** A share in (0, 1] of the original, or {"at_most": NUMBER} in bytes; not supported yet. */
    peak_memory?: number | {
      /** bytes; not supported yet */
      at_most: number;
    };
    /** 0.01 is one point. Not supported yet. */
    max_accuracy_drop?: number;
  };
  /** Outputs to keep, each once. Default all. */
  outputs?: string[];
  /** Globs on layer names (`head/*`) whose channels stay. Default []. */
  ignore?: string[];
  /**
   * How a `target` shares out the channels that go. `uniform`: every unit loses the same share; `global`: channels of
   * all units are ranked together by importance; `sensitivity`: units are tried by themselves on samples, and channels
   * go where the network loses least for what it saves. Default: `sensitivity` where there are 32 samples or more, and
   * as long as trying is affordable; `uniform` with fewer; else `global`. Excludes `algorithm.target_pruning_ratio`.
   */
  allocation?: 'uniform' | 'global' | 'sensitivity';
  /**
   * Training after each prune step, or false. Needs a data set. Default: on when there is one; without labels the
   * original teaches.
   */
  finetune?: false | {
    /** Default: as many as `budget` is enough for. */
    epochs?: number;
    /**
     * What training may cost where `epochs` is absent, in multiply-adds: three forward passes (one, and two backwards)
     * of the unpruned model for each sample of each step; what is learned from, and samples that are held out, cost
     * nothing. Where that is no whole number of epochs, each of them is shortened alike; several prune steps have the
     * whole epochs that they need. Default 2500000000000, and at most 6 epochs with labels; without, 10, of 240 steps
     * together, or more, where there are few samples (from 32 to 400), which are gone through several times in each
     * then.
     */
    budget?: number;
    /**
     * Samples of one step. A batch that does not fit into the memory goes through in parts whose gradients are added
     * up. Default 32.
     */
    batch_size?: number;
    optimizer?: {
      /**
       * `adam` at 0.0003 where no field of `optimizer` is named and few samples without labels (from 32 to 400) train
       * what least squares recovered; batch norms keep their statistics then. Default `sgd`.
       */
      type?: 'sgd' | 'adam' | 'adamw' | 'rmsprop';
      /** Default 0.01 for `sgd`; after recovery by least squares, which larger steps destroy, 0.003. Else 0.001. */
      learning_rate?: number;
      /** `sgd` (default 0.9) and `rmsprop` (default 0). */
      momentum?: number;
      /** `adam` and `adamw`. Default 0.9. */
      beta1?: number;
      /** `adam` and `adamw`. Default 0.999. */
      beta2?: number;
      /** `rmsprop` only: share of the old mean square. Default 0.9. */
      rho?: number;
      /** All but `sgd`. Default 1e-7. */
      epsilon?: number;
      /**
       * Of weights, not of biases and norms. Default 0.01 for `adamw`, 0.0005 for `sgd` after recovery by least
       * squares, else 0.
       */
      weight_decay?: number;
    };
    /** Learning rate over the epochs. */
    schedule?: {
      /**
       * `step` multiplies by `gamma` every `step_size` epochs; `cosine` goes down to 0 at the end. Default `cosine`.
       */
      type?: 'constant' | 'step' | 'cosine';
      /** `step` only, needed there: epochs. */
      step_size?: number;
      /** `step` only. Default 0.1. */
      gamma?: number;
      /** The learning rate rises from 0 over these first epochs, parts of one too. Default 0. */
      warmup_epochs?: number;
    };
    /**
     * `auto` goes by the output and its labels, and the report says which it took. `cross_entropy` takes one class a
     * sample, or one a pixel; `binary_cross_entropy` labels of 0 and 1, also several; the others numbers. Default
     * `auto`.
     */
    loss?: 'auto' | 'cross_entropy' | 'binary_cross_entropy' | 'mse' | 'mae' | 'huber';
    /** Share of each label that is spread over all classes, in cross-entropies. Default 0. */
    label_smoothing?: number;
    /** Where `huber` turns from square to straight. Default 1. */
    huber_delta?: number;
    /**
     * By output name, where the model has several: their labels are the arrays `y_train_NAME` and `y_test_NAME`, or
     * `y_NAME`.
     */
    heads?: Record<string, {
      /**
       * `auto` goes by the output and its labels, and the report says which it took. `cross_entropy` takes one class a
       * sample, or one a pixel; `binary_cross_entropy` labels of 0 and 1, also several; the others numbers. Default
       * `finetune.loss`'s.
       */
      loss?: 'auto' | 'cross_entropy' | 'binary_cross_entropy' | 'mse' | 'mae' | 'huber';
      /** Of this output in the sum of losses. Default 1. */
      weight?: number;
    }>;
    /** Share of the training samples held out when the data set has no validation part. Default 0.1. */
    validation_split?: number;
    /** New order of the samples in every epoch. Default true. */
    shuffle?: boolean;
    /**
     * Learn from the original model's outputs too, or false: divergence of scores of classes, squared difference of
     * numbers. Outputs without labels, and data without any, are trained by it alone. Default: on where the data have
     * no labels; with labels, for the outputs that are classifications, where there is recovery.
     */
    distillation?: false | {
      /** Share of the original's outputs in the loss; the labels have the rest. Default 0.5. */
      weight?: number;
      /** Softens scores of classes. Default 4. */
      temperature?: number;
    };
    /**
     * Changes that training samples go through, drawn anew in every epoch. Default: pictures (three colors, 16 pixels a
     * side or more) without labels, where they are few (from 32 to 400), are mirrored, and cropped by an eighth of
     * their sides; else none.
     */
    augmentation?: {
      /** Mirrors every other image. Default false. */
      horizontal_flip?: boolean;
      /** Turns every other image upside down. Default false. */
      vertical_flip?: boolean;
      /** Pads by so many zero pixels on each side and crops anywhere in there. Default 0. */
      crop_padding?: number;
      /** Mixes pairs of samples and labels, by shares of Beta(mixup, mixup); 0: none. Default 0. */
      mixup?: number;
    };
    /** Scales gradients down to this norm, over all. Default none. */
    clip_norm?: number;
    /**
     * Validates and delivers a moving average of the weights: min(ema_decay, (1 + steps)/(10 + steps)) of it stays in a
     * step. Default none.
     */
    ema_decay?: number;
    /**
     * Ends training when the validation loss has not become lower, counted after the last prune step, and goes back to
     * the weights of the lowest. Default none.
     */
    early_stopping?: {
      /** Epochs without a lower loss. Default 3. */
      patience?: number;
    };
  };
  /** After each prune step, before any training: the weights that are left are set by samples. */
  recovery?: {
    /**
     * `least_squares` sets weights so that layers give what the original gives; `statistics` only means and spreads.
     * The network as it was pruned takes part: it stays where it does better on samples held back. `auto` is
     * `least_squares`. Where there is no data set, samples are made of what the model's batch norms hold; `auto` does
     * without where it holds none, or making them would take long, and leaves samples aside that are noise. Default
     * `auto`.
     */
    method?: 'auto' | 'least_squares' | 'statistics' | 'none';
    /**
     * At most so many training samples are looked at, without their labels, to set weights and to rank channels.
     * Default 1000.
     */
    samples?: number;
    /**
     * Whether layers that have neither a bias nor a batch norm behind them are given a bias in the file, where a mean
     * is to be put right. `false` leaves the layers as they are built, for whoever loads the weights into code of their
     * own. Default true.
     */
    add_biases?: boolean;
  };
  /**
   * How raw values become model inputs: "auto" (floats as they are; integers divided by 255, unless the unpruned model
   * does clearly better on them as they are or from -1 to 1), "none", "1/255", or {"mean", "std"}: (x - mean) / std on
   * the raw values, one number or one for each of the last axis. Default `auto`.
   */
  scaling?: 'auto' | 'none' | '1/255' | {
    mean: number[];
    std: number[];
  };
  /**
   * What the delivered model is held against, at its own widths: `random` channels, recovered and trained the same way;
   * `scratch`, fresh weights that are trained as long. Each takes about as long as the job itself. Default [].
   */
  controls?: ('random' | 'scratch')[];
  /** `macs` counts products of conv and dense layers; `mmrazor` counts as that estimator. Default `macs`. */
  counting?: 'macs' | 'mmrazor';
  /**
   * Stop after planning. Nothing is measured on samples: of `allocation: sensitivity` it tells the widths of `global`.
   * Default false.
   */
  dry_run?: boolean;
  /** Default 0. */
  seed?: number;
}
