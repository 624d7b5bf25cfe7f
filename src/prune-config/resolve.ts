/** From a config as sent to a config with every default in place. */
import { didYouMean, MOST_FAULTS, pointer, schemaErrors, valueAt, withDefaults } from '../checks/index.js';
import { EspalierError, type FieldError } from '../errors.js';
import { replaceAliases, type TypeAliases } from '../pruning/config/aliases.js';
import { DefaultArgs } from '../pruning/config/schema.js';
import {
  type AlgorithmParameters,
  argsFaults,
  BUILT_IN_PARTS,
  choiceFault,
  defaultArgsOf,
  fitPruneSteps,
  keepsAll,
  type PartRows,
  parametersOf,
  type TrainedEpochs,
  type UnitArgs,
  type UnitConfig,
  unitArgsOf,
} from '../pruning/index.js';
import { DEFAULT_EPOCHS } from './finetune-schema.js';
import { type Report, resolveFinetune } from './resolve-finetune.js';
import type { FinetuneConfig, PruneConfig } from './resolved.js';
import { type PruneConfigInput, schemaWith } from './schema.js';

const NOT_SUPPORTED_YET = ['/target/peak_memory', '/target/max_accuracy_drop'] as const;

const UNIT_CFG = '/algorithm/mutator_cfg/channel_unit_cfg';

/** Where a config names the parts of each list. */
const NAMED_AT = {
  algorithms: '/algorithm/type',
  mutators: '/algorithm/mutator_cfg/type',
  unitTypes: `${UNIT_CFG}/type`,
  criteria: `${UNIT_CFG}/criterion`,
} as const;

const LISTS = Object.keys(NAMED_AT) as (keyof PartRows)[];

/**
 * Checks a config and fills in the defaults: those of the schema, and those that go by other fields. `undefined` is the
 * empty config. Pointers of errors are relative to the config, in the words that the user sent.
 * @throws EspalierError CONFIG_INVALID with the faults found, the first {@link MOST_FAULTS} of them.
 * @example resolveConfig({ target: { flops: 0.4 } }, { hasDataset: false }).target // { macs: 0.4 }
 */
export function resolveConfig(
  input: unknown,
  {
    hasDataset,
    installed = BUILT_IN_PARTS,
  }: { hasDataset: boolean /** What configs may name. */; installed?: PartRows },
): PruneConfig {
  const canonical = replaceAliases(input ?? {}, typeAliases(installed));
  const errors: FieldError[] = [...canonical.doubled];
  const report: Report = (at, message) => {
    errors.push({ pointer: canonical.asSent(at), message });
    if (errors.length >= MOST_FAULTS) throw invalid(errors);
  };

  const parts = namedParts(canonical.value, installed);
  const parameters = parametersOf(parts.algorithms);
  const schema = schemaWith(parameters);
  for (const fault of schemaErrors(schema, canonical.value)) report(fault.pointer, fault.message);
  if (errors.length > 0) throw invalid(errors);

  const config = canonical.value as PruneConfigInput;
  const filled = withDefaults(schema, config) as PruneConfig;
  for (const at of NOT_SUPPORTED_YET) if (valueAt(config, at) !== undefined) report(at, 'is not supported yet');
  checkNames(config, parts, installed, report);
  const finetune = finetuneOf(config.finetune, hasDataset, solves(filled.recovery), report);
  checkScaling(config.scaling, hasDataset, report);
  checkControls(filled, hasDataset, finetune !== false, report);
  const algorithm = resolveAlgorithm(config, filled, { ...parts, parameters }, finetune, report);
  const target = resolveTarget(config, filled, algorithm, report);
  if (config.allocation !== undefined && target === undefined) {
    report(
      '/allocation',
      'shares out what a target takes: algorithm.target_pruning_ratio and the choices in units say widths themselves',
    );
  }
  checkTwice(config.outputs ?? [], report);
  if (errors.length > 0) throw invalid(errors);

  const scaling = config.scaling ?? filled.scaling;
  const ordered = inOrder(schema.properties.algorithm, algorithm);
  return inOrder(schema, { ...filled, algorithm: ordered, target, finetune, scaling });
}

/** Fields that are there, in the order of their schema: hashes of configs are those of their text. */
function inOrder<T extends object>({ properties }: { readonly properties: object }, fields: T): T {
  const given = Object.keys(properties).map((name) => [name, fields[name as keyof T]]);
  return Object.fromEntries(given.filter(([, value]) => value !== undefined)) as T;
}

function typeAliases(installed: PartRows): TypeAliases {
  const entries = (list: keyof PartRows) =>
    installed[list].flatMap(({ name, aliases = [] }) => aliases.map((alias) => [alias, name]));
  return Object.fromEntries(LISTS.map((list) => [NAMED_AT[list], Object.fromEntries(entries(list))]));
}

type NamedParts = { readonly [K in keyof PartRows]: PartRows[K][number] };

/** The parts that a config names; of each kind that it names none of, the first. */
function namedParts(config: unknown, installed: PartRows): NamedParts {
  const named = <T extends { readonly name: string }>(rows: readonly T[], name: unknown): T =>
    rows.find((row) => row.name === name) ?? rows[0];
  const nameAt = (list: keyof PartRows) => valueAt(config, NAMED_AT[list]);
  const mutators = named(installed.mutators, nameAt('mutators'));
  return {
    mutators,
    algorithms: named(installed.algorithms, nameAt('algorithms')),
    unitTypes: named(installed.unitTypes, nameAt('unitTypes') ?? mutators.unitType),
    criteria: named(installed.criteria, nameAt('criteria')),
  };
}

/** Every name of a part must be one that is installed. */
function checkNames(config: PruneConfigInput, { unitTypes }: NamedParts, installed: PartRows, report: Report): void {
  for (const list of LISTS) {
    const at = NAMED_AT[list];
    const name = valueAt(config, at) as string | undefined;
    const known = installed[list].map((part) => part.name);
    if (name === undefined || known.includes(name)) continue;
    const names = known.map((n) => JSON.stringify(n)).join(', ');
    const found = JSON.stringify(name);
    report(at, `must be ${known.length === 1 ? '' : 'one of '}${names}, found ${found}${didYouMean(name, known)}`);
  }
  if (valueAt(config, NAMED_AT.criteria) !== undefined && !unitTypes.takesCriterion) {
    const takers = installed.unitTypes.filter((type) => type.takesCriterion).map(({ name }) => name);
    report(NAMED_AT.criteria, `is taken by units of type ${takers.join(', ')} only`);
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

/** `macs` where the config says no ratios either. */
function resolveTarget(
  { target, algorithm: given }: PruneConfigInput,
  filled: PruneConfig,
  { target_pruning_ratio }: PruneConfig['algorithm'],
  report: Report,
): PruneConfig['target'] {
  if (target === undefined) return target_pruning_ratio === undefined ? filled.target : undefined;
  if (target_pruning_ratio !== undefined) {
    const ratio =
      given?.target_pruning_ratio === undefined ? 'the choices in units' : '/algorithm/target_pruning_ratio';
    report('/target', `excludes ${ratio}: give one of them`);
  }
  const fields = Object.keys(target);
  if (fields.length !== 1) {
    report('/target', `must have one field, found ${fields.length === 0 ? 'none' : fields.join(', ')}`);
  }
  return target;
}

function resolveAlgorithm(
  input: PruneConfigInput,
  { algorithm: { mutator_cfg, target_pruning_ratio: ratio, type: _, ...parameters }, recovery }: PruneConfig,
  parts: NamedParts & { readonly parameters: AlgorithmParameters },
  finetune: FinetuneConfig | false | undefined,
  report: Report,
): PruneConfig['algorithm'] {
  const { criterion } = mutator_cfg.channel_unit_cfg;
  const { type: parse } = mutator_cfg.parse_cfg;
  const { units = {}, default_args } = input.algorithm?.mutator_cfg?.channel_unit_cfg ?? {};
  const defaults = inOrder(DefaultArgs, defaultArgsOf(parts.unitTypes, default_args));
  const choices = choicesOf(units, defaults);
  checkUnits(units, choices, defaults, parse, report);
  checkRatios(ratio, units, defaults, report);
  const target = ratio ?? (choices.size > 0 ? Object.fromEntries(choices) : undefined);
  return {
    type: parts.algorithms.name,
    mutator_cfg: {
      type: parts.mutators.name,
      channel_unit_cfg: {
        type: parts.unitTypes.name,
        ...(parts.unitTypes.takesCriterion && { criterion: criterion ?? parts.criteria.name }),
        default_args: defaults,
        units,
      },
      parse_cfg: { type: parse },
    },
    ...parameters,
    ...fitPruneSteps(parts.parameters, parameters, epochsFor(finetune, recovery), (name, fault) =>
      report(`/algorithm${pointer(name)}`, fault),
    ),
    ...(target !== undefined && { target_pruning_ratio: target }),
  };
}

/** What is recovered after each step is best pruned at once, where it is left to the data how long is trained. */
function epochsFor(finetune: FinetuneConfig | false | undefined, { method }: PruneConfig['recovery']): TrainedEpochs {
  const usual = method === 'none' ? DEFAULT_EPOCHS.labelled : 1;
  return { epochs: finetune ? finetune.epochs : 0, usual };
}

/**
 * The choices in `units` that take something away, when there are some: a template that comes back with some of its
 * choices lowered means those. One that comes back as it was (every choice is all channels) means nothing by them.
 */
function choicesOf(units: Readonly<Record<string, UnitConfig>>, defaults: UnitArgs): ReadonlyMap<string, number> {
  const lowered = Object.entries(units).flatMap(([name, unit]): [string, number][] => {
    if (unit.choice === undefined || unit.is_mutable === false) return [];
    return keepsAll(unit.choice, unitArgsOf(unit, defaults), totalOf(unit)) ? [] : [[name, unit.choice]];
  });
  return new Map(lowered);
}

function totalOf(unit: UnitConfig): number | undefined {
  return unit.num_channels ?? unit.init_args?.num_channels;
}

function checkUnits(
  units: Readonly<Record<string, UnitConfig>>,
  choices: ReadonlyMap<string, number>,
  defaults: UnitArgs,
  parse: string,
  report: Report,
): void {
  for (const [field, fault] of argsFaults(defaults)) report(`${UNIT_CFG}/default_args/${field}`, fault);
  if (parse === 'Config' && Object.keys(units).length === 0) {
    report(`${UNIT_CFG}/units`, 'needs at least one unit, since parse_cfg.type is "Config"');
  }
  for (const [name, unit] of Object.entries(units)) {
    const here = `${UNIT_CFG}/units${pointer(name)}`;
    const total = totalOf(unit);
    const args = unitArgsOf(unit, defaults);
    for (const [field, fault] of argsFaults(args, unit.init_args ?? {})) report(`${here}/init_args/${field}`, fault);
    const choice = choices.get(name);
    const fault = choice === undefined ? undefined : choiceFault(choice, args, total);
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

/** Whether weights are set by least squares where there are data. */
function solves({ method }: PruneConfig['recovery']): boolean {
  return method === 'auto' || method === 'least_squares';
}

function finetuneOf(
  input: PruneConfigInput['finetune'],
  hasDataset: boolean,
  solved: boolean,
  report: Report,
): FinetuneConfig | false | undefined {
  if (input === false) return false;
  if (hasDataset) return resolveFinetune(input ?? {}, solved, report);
  if (input !== undefined) report('/finetune', 'needs a data set');
  return undefined;
}

function checkControls({ controls }: PruneConfig, hasDataset: boolean, trains: boolean, report: Report): void {
  for (const [i, control] of controls.entries()) {
    if (!hasDataset) report(`/controls/${i}`, 'needs a data set to measure by');
    else if (control === 'scratch' && !trains) report(`/controls/${i}`, 'needs training, and finetune is false');
    if (controls.indexOf(control) < i) report(`/controls/${i}`, `"${control}" is there twice`);
  }
}

function checkScaling(scaling: PruneConfigInput['scaling'], hasDataset: boolean, report: Report): void {
  if (scaling !== undefined && !hasDataset) report('/scaling', 'needs a data set');
  if (typeof scaling === 'object' && scaling.mean.length !== scaling.std.length) {
    report('/scaling', `mean has ${scaling.mean.length} values and std ${scaling.std.length}`);
  }
}
