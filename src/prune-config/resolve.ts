/** From a config as sent to a config with every default in place. */

import { didYouMean, MOST_FAULTS, pointer, schemaErrors } from '../checks/index.js';
import { EspalierError, type FieldError } from '../errors.js';
import { isRecord, replaceAliases } from './aliases.js';
import { choiceFault, keepsAll, unitArgsOf } from './choices.js';
import { BUILT_IN_NAMES, type InstalledNames } from './installed.js';
import { resolveFinetune } from './resolve-finetune.js';
import type { PruneConfig, Scaling, UnitArgs, UnitConfig } from './resolved.js';
import type { FinetuneConfig } from './resolved-finetune.js';
import { PruneConfigInput } from './schema.js';

type AlgorithmInput = NonNullable<PruneConfigInput['algorithm']>;
type Report = (at: string, message: string) => void;

/** Where it is not `ratio`. */
const DEFAULT_MODES: Readonly<Record<string, UnitArgs['choice_mode']>> = { SlimmableChannelUnit: 'number' };

const NOT_SUPPORTED_YET = ['/target/peak_memory', '/target/max_accuracy_drop'] as const;

/** Mutators whose units are of a kind of their own. */
const DEFAULT_UNITS: Readonly<Record<string, string>> = {
  OneShotChannelMutator: 'OneShotChannelUnit',
  SlimmableChannelMutator: 'SlimmableChannelUnit',
};

/**
 * Checks a config and fills in the defaults that schema.ts names. `undefined` is the empty config. Pointers of errors
 * are relative to the config, in the words that the user sent.
 * @throws EspalierError CONFIG_INVALID with the faults found, the first {@link MOST_FAULTS} of them.
 * @example resolveConfig({ target: { flops: 0.4 } }, { hasDataset: false }).target // { macs: 0.4 }
 */
export function resolveConfig(
  input: unknown,
  options: { hasDataset: boolean /** Absent: what comes with Espalier. */; installed?: InstalledNames },
): PruneConfig {
  const canonical = replaceAliases(input ?? {});
  const errors: FieldError[] = [...canonical.doubled];
  const report: Report = (at, message) => {
    errors.push({ pointer: canonical.asSent(at), message });
    if (errors.length >= MOST_FAULTS) throw invalid(errors);
  };

  for (const fault of schemaErrors(PruneConfigInput, canonical.value)) report(fault.pointer, fault.message);
  if (errors.length > 0) throw invalid(errors);

  const config = canonical.value as PruneConfigInput;
  for (const at of NOT_SUPPORTED_YET) {
    const [parent, field] = at.slice(1).split('/') as ['target' | 'finetune', string];
    const value = config[parent];
    if (isRecord(value) && field in value) report(at, 'is not supported yet');
  }
  checkNames(config.algorithm ?? {}, options.installed ?? BUILT_IN_NAMES, report);
  const finetune = finetuneOf(config.finetune, options.hasDataset, report);
  const scaling = resolveScaling(config.scaling, options.hasDataset, report);
  const algorithm = resolveAlgorithm(config.algorithm ?? {}, finetune, report);
  const target = resolveTarget(config, algorithm, report);
  checkTwice(config.outputs ?? [], report);
  if (errors.length > 0) throw invalid(errors);

  return {
    algorithm,
    ...(target && { target }),
    ...(config.outputs && { outputs: config.outputs }),
    ignore: config.ignore ?? [],
    ...(finetune !== undefined && { finetune }),
    scaling,
    counting: config.counting ?? 'macs',
    dry_run: config.dry_run ?? false,
    seed: config.seed ?? 0,
  };
}

/** Every name of a part must be one that is installed. */
function checkNames(input: AlgorithmInput, installed: InstalledNames, report: Report): void {
  const units = input.mutator_cfg?.channel_unit_cfg;
  const at = '/algorithm/mutator_cfg/channel_unit_cfg';
  const check = (pointer: string, name: string | undefined, known: readonly string[]) => {
    if (name === undefined || known.includes(name)) return;
    const list = known.map((n) => JSON.stringify(n)).join(', ');
    const found = JSON.stringify(name);
    report(pointer, `must be ${known.length === 1 ? '' : 'one of '}${list}, found ${found}${didYouMean(name, known)}`);
  };
  check('/algorithm/type', input.type, installed.algorithms);
  check('/algorithm/mutator_cfg/type', input.mutator_cfg?.type, installed.mutators);
  check(`${at}/type`, units?.type, installed.units);
  check(`${at}/criterion`, units?.criterion, installed.criteria);
  if (units?.criterion !== undefined && !installed.rankingUnits.includes(units.type ?? installed.units[0])) {
    report(`${at}/criterion`, `is taken by units of type ${installed.rankingUnits.join(', ')} only`);
  }
}

/** Not `uniqueItems` in the schema: TypeBox takes quadratic time over what is there twice. */
function checkTwice(outputs: readonly string[], report: Report): void {
  const seen = new Set<string>();
  for (const [i, name] of outputs.entries()) {
    if (seen.has(name)) report(`/outputs/${i}`, `"${name}" is there twice`);
    seen.add(name);
  }
}

function invalid(errors: readonly FieldError[]): EspalierError {
  const first = errors[0];
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more)` : '';
  return new EspalierError('CONFIG_INVALID', `${first.pointer || 'the config'}: ${first.message}${more}`, { errors });
}

function resolveTarget(config: PruneConfigInput, algorithm: PruneConfig['algorithm'], report: Report) {
  const ratio =
    config.algorithm?.target_pruning_ratio === undefined ? 'the choices in units' : '/algorithm/target_pruning_ratio';
  if (config.target === undefined) {
    return algorithm.target_pruning_ratio === undefined ? { macs: 0.5 } : undefined;
  }
  if (algorithm.target_pruning_ratio !== undefined) report('/target', `excludes ${ratio}: give one of them`);
  const fields = Object.keys(config.target);
  if (fields.length !== 1) {
    report('/target', `must have one field, found ${fields.length === 0 ? 'none' : fields.join(', ')}`);
  }
  const { macs, parameters, size, latency } = config.target;
  return {
    ...(macs !== undefined && { macs }),
    ...(parameters !== undefined && { parameters }),
    ...(size !== undefined && { size }),
    ...(latency !== undefined && { latency }),
  };
}

function resolveAlgorithm(
  input: AlgorithmInput,
  finetune: FinetuneConfig | false | undefined,
  report: Report,
): PruneConfig['algorithm'] {
  const unitCfg = input.mutator_cfg?.channel_unit_cfg ?? {};
  const parse = input.mutator_cfg?.parse_cfg?.type ?? 'ChannelAnalyzer';
  const given = unitCfg.default_args ?? {};
  const unitType = unitCfg.type ?? DEFAULT_UNITS[input.mutator_cfg?.type ?? ''] ?? 'L1ChannelUnit';
  const defaults: UnitArgs = {
    choice_mode: given.choice_mode ?? DEFAULT_MODES[unitType] ?? 'ratio',
    divisor: given.divisor ?? 1,
    min_value: given.min_value ?? 1,
    min_ratio: given.min_ratio ?? 0.9,
    ...(given.candidate_choices && { candidate_choices: given.candidate_choices }),
    ...(given.floor !== undefined && { floor: given.floor }),
    ...(given.cap !== undefined && { cap: given.cap }),
  };
  const units: Readonly<Record<string, UnitConfig>> = unitCfg.units ?? {};
  checkUnits(units, defaults, parse, report);
  const ratio = input.target_pruning_ratio;
  checkRatios(ratio, units, defaults, report);

  const stepFreq = input.step_freq ?? 1;
  const epochs = finetune ? finetune.epochs : 0;
  const mostSteps = finetune ? Math.ceil(epochs / stepFreq) : 1;
  const pruneTimes = input.prune_times ?? Math.min(3, mostSteps);
  // With one epoch steps are iterations apart; how many there are only the data can tell.
  if (pruneTimes > mostSteps && epochs !== 1) {
    report(
      '/algorithm/prune_times',
      finetune
        ? `${pruneTimes} prune steps of ${stepFreq} epochs need more than ${(pruneTimes - 1) * stepFreq} epochs, found ${epochs}; at most ${mostSteps} fit`
        : `must be 1 without finetuning, found ${pruneTimes}: prune steps are epochs apart`,
    );
  }
  const target = ratio ?? choicesOf(units, defaults);
  return {
    type: input.type ?? 'IteAlgorithm',
    mutator_cfg: {
      type: input.mutator_cfg?.type ?? 'ChannelMutator',
      channel_unit_cfg: {
        type: unitType,
        ...(unitCfg.criterion !== undefined && { criterion: unitCfg.criterion }),
        default_args: defaults,
        units,
      },
      parse_cfg: { type: parse },
    },
    step_freq: stepFreq,
    prune_times: pruneTimes,
    linear_schedule: input.linear_schedule ?? true,
    ...(target !== undefined && { target_pruning_ratio: target }),
  };
}

/**
 * The choices in `units` that take something away, when there are some: a template that comes back with some of its
 * choices lowered means those. One that comes back as it was (every choice is all channels) means nothing by them.
 */
function choicesOf(
  units: Readonly<Record<string, UnitConfig>>,
  defaults: UnitArgs,
): Readonly<Record<string, number>> | undefined {
  const lowered = Object.entries(units).flatMap(([name, unit]): [string, number][] => {
    if (unit.choice === undefined || unit.is_mutable === false) return [];
    return keepsAll(unit.choice, unitArgsOf(unit, defaults), totalOf(unit)) ? [] : [[name, unit.choice]];
  });
  return lowered.length > 0 ? Object.fromEntries(lowered) : undefined;
}

function totalOf(unit: UnitConfig): number | undefined {
  return unit.num_channels ?? unit.init_args?.num_channels;
}

function checkUnits(
  units: Readonly<Record<string, UnitConfig>>,
  defaults: UnitArgs,
  parse: string,
  report: Report,
): void {
  const at = '/algorithm/mutator_cfg/channel_unit_cfg';
  if (defaults.choice_mode === 'bucket' && defaults.candidate_choices === undefined) {
    report(`${at}/default_args/candidate_choices`, 'is needed, since choice_mode is "bucket"');
  }
  checkBounds(`${at}/default_args`, defaults, report);
  if (parse === 'Config' && Object.keys(units).length === 0) {
    report(`${at}/units`, 'needs at least one unit, since parse_cfg.type is "Config"');
  }
  for (const [name, unit] of Object.entries(units)) {
    const here = `${at}/units${pointer(name)}`;
    const total = totalOf(unit);
    const args = unitArgsOf(unit, defaults);
    if (unit.init_args?.choice_mode === 'bucket' && args.candidate_choices === undefined) {
      report(`${here}/init_args/candidate_choices`, 'is needed, since choice_mode is "bucket"');
    }
    if (unit.init_args) checkBounds(`${here}/init_args`, args, report);
    const idle = unit.choice === undefined || unit.is_mutable === false || keepsAll(unit.choice, args, total);
    const fault = idle ? undefined : choiceFault(unit.choice, args, total);
    if (fault) report(`${here}/choice`, fault);
    if (parse !== 'Config') continue;
    if (!unit.channels) report(`${here}/channels`, 'is needed, since parse_cfg.type is "Config"');
    if (total === undefined) report(`${here}/num_channels`, 'is needed, since parse_cfg.type is "Config"');
    for (const side of ['output_related', 'input_related'] as const) {
      unit.channels?.[side].forEach((c, i) => {
        // How many channels of the layer are the unit's only the model can tell: a flatten repeats them, a sum splits them.
        const { start = 0, end = start + (total ?? 1) } = c;
        if (end <= start) report(`${here}/channels/${side}/${i}`, `ends at ${end}, before it starts`);
      });
    }
  }
}

function checkBounds(at: string, { floor, cap }: UnitArgs, report: Report): void {
  if (floor !== undefined && cap !== undefined && floor > cap) report(`${at}/floor`, `${floor} is above cap, ${cap}`);
}

function checkRatios(
  ratio: number | Readonly<Record<string, number>> | undefined,
  units: Readonly<Record<string, UnitConfig>>,
  defaults: UnitArgs,
  report: Report,
): void {
  const at = '/algorithm/target_pruning_ratio';
  if (ratio === undefined) return;
  if (typeof ratio === 'number') {
    const fault = choiceFault(ratio, defaults);
    if (fault) report(at, fault);
    return;
  }
  if (Object.keys(ratio).length === 0) report(at, 'names no unit');
  for (const [name, choice] of Object.entries(ratio)) {
    const fault = choiceFault(choice, unitArgsOf(units[name], defaults));
    if (fault) report(at + pointer(name), fault);
  }
}

function finetuneOf(
  input: PruneConfigInput['finetune'],
  hasDataset: boolean,
  report: Report,
): FinetuneConfig | false | undefined {
  if (input === false) return false;
  if (hasDataset) return resolveFinetune(input ?? {}, report);
  if (input !== undefined) report('/finetune', 'needs a data set');
  return undefined;
}

function resolveScaling(given: PruneConfigInput['scaling'], hasDataset: boolean, report: Report): Scaling {
  const scaling = given ?? 'auto';
  if (given !== undefined && !hasDataset) report('/scaling', 'needs a data set');
  if (typeof scaling === 'object' && scaling.mean.length !== scaling.std.length) {
    report('/scaling', `mean has ${scaling.mean.length} values and std ${scaling.std.length}`);
  }
  return scaling;
}
