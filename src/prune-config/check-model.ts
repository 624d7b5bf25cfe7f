/** What a config says against what is known of the model and the data. */

import { didYouMean, pointer } from '../checks/index.js';
import type { ErrorCode, FieldError } from '../errors.js';
import { choiceFault, type UnitTemplate, unitArgsOf } from '../pruning/index.js';
import type { DatasetInspection, ModelInspection, TensorInfo } from './inspection.js';
import type { PruneConfig } from './resolved.js';

/** A field error with the code that fits it alone. */
export interface ConfigFault extends FieldError {
  readonly code: ErrorCode;
}

/** Enough to mend a config by. */
const MOST_FAULTS = 20;

/** Names are compared with every name of the model: so many are, the rest is just unknown. */
const MOST_SUGGESTIONS = 3;

type Suggest = (name: string, known: readonly string[]) => string;

const UNTRAINED = '`finetune: false` prunes without training and scoring';

const RATIOS = '/config/algorithm/target_pruning_ratio';
const UNITS = '/config/algorithm/mutator_cfg/channel_unit_cfg/units';

/**
 * Every contradiction that the inspections show, with pointers into a request (`/config/outputs/0`, `/dataset`); an empty
 * list when there is none. What only a full analysis can tell (a target that no choice reaches, units that come free
 * when `outputs` drops some outputs) is left to the job.
 */
export function checkConfigAgainstModel(
  config: PruneConfig,
  model: ModelInspection,
  dataset?: DatasetInspection,
): ConfigFault[] {
  let suggestions = 0;
  const suggest: Suggest = (name, known) => (suggestions++ < MOST_SUGGESTIONS ? didYouMean(name, known) : '');
  return [
    ...checkOutputs(config, model, suggest),
    ...checkUnitNames(config, model, suggest),
    ...checkChoiceForAll(config, model),
    ...checkPrunable(config, model),
    ...checkHeads(config, model, suggest),
    ...(dataset ? checkDataset(config, model, dataset, suggest) : []),
  ].slice(0, MOST_FAULTS);
}

function checkOutputs(config: PruneConfig, model: ModelInspection, suggest: Suggest): ConfigFault[] {
  const kept = (config.outputs ?? []).map((name, i) => ({ name, pointer: `/config/outputs/${i}` }));
  return unknownOutputs(kept, model.outputs, suggest);
}

function unknownOutputs(
  asked: readonly { name: string; pointer: string }[],
  outputs: readonly TensorInfo[],
  suggest: Suggest,
): ConfigFault[] {
  const known = new Set(outputs.map((o) => o.name));
  const unknown = asked.filter(({ name }) => !known.has(name)).slice(0, MOST_FAULTS);
  return unknown.map(({ name, pointer }) => {
    const message = `the model has no output "${name}"${hintOf(name, [...known], suggest)}`;
    return { code: 'OUTPUT_UNKNOWN', pointer, message };
  });
}

function hintOf(name: string, names: readonly string[], suggest: Suggest): string {
  return suggest(name, names) || `; it has ${names.slice(0, 10).join(', ')}`;
}

function checkUnitNames(config: PruneConfig, model: ModelInspection, suggest: Suggest): ConfigFault[] {
  const { channel_unit_cfg, parse_cfg } = config.algorithm.mutator_cfg;
  const ratios = config.algorithm.target_pruning_ratio;
  const asked: [string, string, number | undefined][] = [
    ...(typeof ratios === 'object'
      ? Object.entries(ratios).map(([n, c]) => [n, RATIOS, c] as [string, string, number])
      : []),
    ...Object.keys(channel_unit_cfg.units).map((n) => [n, UNITS, undefined] as [string, string, undefined]),
  ];
  const ownUnits = parse_cfg.type === 'Config';
  const known = ownUnits ? unitsOfConfig(config) : new Map(Object.entries(model.units.channel_unit_cfg.units));
  const mutable = [...known].filter(([, u]) => u.is_mutable).map(([n]) => n);
  // Which units are free, and how they are cut, depends on the outputs that stay; the inspection kept all of them.
  const otherUnits = !ownUnits && keptOutputs(config, model).length < model.outputs.length;

  const faults: ConfigFault[] = [];
  for (const [name, at, choice] of asked) {
    if (faults.length === MOST_FAULTS) break;
    const unit = known.get(name);
    const here = at + pointer(name);
    if (!unit) {
      const message = `the model has no mutable unit "${name}"${suggest(name, mutable)}`;
      if (!otherUnits) faults.push({ code: 'UNIT_UNKNOWN', pointer: here, message });
    } else if (choice !== undefined && !unit.is_mutable && !otherUnits) {
      const message = `unit "${name}" can't be pruned${suggest(name, mutable)}`;
      faults.push({ code: 'UNIT_UNKNOWN', pointer: here, message });
    } else if (choice !== undefined) {
      const args = unitArgsOf(channel_unit_cfg.units[name], channel_unit_cfg.default_args);
      const message = choiceFault(choice, args, unit.num_channels);
      if (message) faults.push({ code: 'CHOICE_INVALID', pointer: here, message });
    }
  }
  return faults;
}

/** One choice for all units, against the narrowest of them. What `ignore` leaves of the units only the job finds out. */
function checkChoiceForAll(config: PruneConfig, model: ModelInspection): ConfigFault[] {
  const { channel_unit_cfg, parse_cfg } = config.algorithm.mutator_cfg;
  const choice = config.algorithm.target_pruning_ratio;
  if (typeof choice !== 'number' || config.ignore.length > 0 || parse_cfg.type === 'Config') return [];
  if (keptOutputs(config, model).length < model.outputs.length) return [];
  for (const [name, { is_mutable, num_channels }] of Object.entries(model.units.channel_unit_cfg.units)) {
    const args = unitArgsOf(channel_unit_cfg.units[name], channel_unit_cfg.default_args);
    const fault = is_mutable ? choiceFault(choice, args, num_channels) : undefined;
    if (fault) return [{ code: 'CHOICE_INVALID', pointer: RATIOS, message: `for unit "${name}" it ${fault}` }];
  }
  return [];
}

/** With every output kept, the inspection knows whether anything can go. */
function checkPrunable(config: PruneConfig, model: ModelInspection): ConfigFault[] {
  const { parse_cfg } = config.algorithm.mutator_cfg;
  const allKept = keptOutputs(config, model).length === model.outputs.length;
  const prunable = Object.values(model.units.channel_unit_cfg.units).some((u) => u.is_mutable);
  if (prunable || !allKept || parse_cfg.type === 'Config') return [];
  const reasons = model.units.unprunable.slice(0, 3).map((u) => `${u.layer}: ${u.reason}`);
  const names = model.outputs.map((o) => o.name);
  const hint =
    names.length > 1 ? `; the model has ${names.length} outputs, say which to keep: ${names.join(', ')}` : '';
  const message = `no channels can go (${reasons.join('; ')})${hint}`;
  return [{ code: 'NOTHING_TO_PRUNE', pointer: names.length > 1 ? '/config/outputs' : '/model', message }];
}

function unitsOfConfig(config: PruneConfig): Map<string, Pick<UnitTemplate, 'is_mutable' | 'num_channels'>> {
  const units = config.algorithm.mutator_cfg.channel_unit_cfg.units;
  return new Map(
    Object.entries(units).map(([name, u]) => [
      name,
      { is_mutable: u.is_mutable ?? true, num_channels: u.num_channels ?? u.init_args?.num_channels ?? 0 },
    ]),
  );
}

function keptOutputs(config: PruneConfig, model: ModelInspection): readonly TensorInfo[] {
  if (!config.outputs) return model.outputs;
  const kept = new Set(config.outputs);
  return model.outputs.filter((o) => kept.has(o.name));
}

function checkDataset(
  config: PruneConfig,
  model: ModelInspection,
  dataset: DatasetInspection,
  suggest: Suggest,
): ConfigFault[] {
  const faults: ConfigFault[] = [];
  const at = '/dataset';
  if (model.inputs.length !== 1) {
    const message = `the model has ${model.inputs.length} inputs, and data sets feed models of one`;
    return [{ code: 'DATASET_SHAPE', pointer: at, message }];
  }
  const input = model.inputs[0];
  if (dataset.kind === 'images' && !takesImages(input.shape.slice(1))) {
    const message = `images feed inputs of [height, width], or of these with 1 or 3 channels; the model's input "${input.name}" takes [${showDims(input.shape.slice(1))}]`;
    faults.push({ code: 'DATASET_SHAPE', pointer: at, message });
  }
  if (dataset.kind === 'npz' && dataset.input_shape && !sameShape(input.shape.slice(1), dataset.input_shape)) {
    const message = `samples are [${dataset.input_shape}], the model's input "${input.name}" takes [${showDims(input.shape.slice(1))}]`;
    faults.push({ code: 'DATASET_SHAPE', pointer: at, message });
  }
  const named = dataset.label_outputs ?? [];
  const unlabelled = dataset.label_kind === 'none' && named.length === 0;
  if (config.finetune && unlabelled && config.finetune.distillation === false) {
    const message =
      'without finetune.distillation finetuning needs labels, and the data set has none; `finetune: false` prunes without training';
    faults.push({ code: 'LABELS_INVALID', pointer: at, message });
  }
  if (config.finetune && config.finetune.validation_split === 0 && dataset.samples.validation === 0) {
    const message = 'must be above 0: the data set has no validation part';
    faults.push({ code: 'CONFIG_INVALID', pointer: '/config/finetune/validation_split', message });
  }
  const outputs = keptOutputs(config, model);
  const stray = config.finetune ? named.find((name) => !outputs.some((o) => o.name === name)) : undefined;
  if (stray !== undefined) {
    const names = outputs.map((o) => o.name);
    const message = `there are labels y_${stray}, and the model has no such output${hintOf(stray, names, suggest)}`;
    faults.push({ code: 'LABELS_INVALID', pointer: at, message });
  }
  const heads = config.finetune ? config.finetune.heads : {};
  if (outputs.length > 1 && dataset.label_kind !== 'none' && config.finetune && Object.keys(heads).length !== 1) {
    const names = outputs.map((o) => o.name).join(', ');
    const message = `labels need one output: name one of ${names}, or name the labels' arrays y_OUTPUT; ${UNTRAINED}`;
    faults.push({ code: 'NOT_TRAINABLE', pointer: '/config/outputs', message });
  }
  if (outputs.length === 1 && dataset.num_classes !== null) {
    const fault = labelsFault(config, outputs[0], dataset, dataset.num_classes);
    // Where nothing is trained, labels that fit no loss are left aside with a warning.
    if (fault && (config.finetune || fault.code !== 'NOT_TRAINABLE')) faults.push({ pointer: at, ...fault });
  }
  return faults;
}

/** The names of `finetune.heads`. */
function checkHeads(config: PruneConfig, model: ModelInspection, suggest: Suggest): ConfigFault[] {
  if (!config.finetune) return [];
  const asked = Object.keys(config.finetune.heads);
  const heads = asked.map((name) => ({ name, pointer: `/config/finetune/heads${pointer(name)}` }));
  return unknownOutputs(heads, keptOutputs(config, model), suggest);
}

/**
 * Class numbers and one-hot rows against scores of classes: `[N, classes]`, but for axes of 1, `[N, 10, 1, 1]`. Other
 * outputs and labels are the job's to judge, which knows the closing activation.
 */
function labelsFault(
  { finetune }: PruneConfig,
  { name, shape }: TensorInfo,
  { label_kind, label_shape }: DatasetInspection,
  labelled: number,
): Omit<ConfigFault, 'pointer'> | undefined {
  const asked = finetune ? (finetune.heads[name]?.loss ?? finetune.loss) : 'auto';
  const single = label_kind === 'one_hot' || (label_shape ?? []).length === 0;
  const [classes, ...others] = shape.slice(1).filter((d) => d !== 1);
  if (!single || (asked !== 'auto' && asked !== 'cross_entropy')) return undefined;
  if (others.length > 0) {
    const message = `output "${name}" is [${showDims(shape)}], and the labels are one of each sample; ${UNTRAINED}`;
    return { code: 'NOT_TRAINABLE', message };
  }
  if (classes === undefined || classes === null) return undefined;
  if (label_kind === 'one_hot' ? labelled === classes : labelled <= classes) return undefined;
  const message = `labels are of ${labelled} classes, the model's output "${name}" has ${classes}`;
  return { code: 'LABELS_INVALID', message };
}

type Dims = readonly (number | null)[];

/**
 * As the job arranges samples: an axis of one channel may be added, dropped or moved (28×28 data feed a 28×28×1 or
 * 1×28×28 input), and channels that stand last in the data may go first.
 */
function sameShape(wanted: Dims, found: readonly number[]): boolean {
  const fits = (a: Dims, b: Dims) => a.length === b.length && a.every((d, i) => d === null || d === b[i]);
  const plain = (shape: Dims): Dims[] => {
    const without = shape.at(-1) === 1 ? [shape.slice(0, -1)] : shape[0] === 1 ? [shape.slice(1)] : [];
    return [shape, ...without];
  };
  const isMoved = found.length >= 3 && fits(wanted, [found[found.length - 1], ...found.slice(0, -1)]);
  return isMoved || plain(wanted).some((a) => [...plain(found), [...found, 1]].some((b) => fits(a, b)));
}

/** Images are scaled to the model's input, and made grey where it has one channel. */
function takesImages(wanted: Dims): boolean {
  const channels = [wanted[0], wanted[wanted.length - 1]];
  return wanted.length === 2 || (wanted.length === 3 && channels.some((c) => c === null || c === 1 || c === 3));
}

function showDims(dims: readonly (number | null)[]): string {
  return dims.map((d) => d ?? '?').join(',');
}
