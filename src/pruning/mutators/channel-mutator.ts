import { didYouMean } from '../../checks/index.js';
import { EspalierError } from '../../errors.js';
import type { Graph } from '../../graph/graph.js';
import type { Tensor } from '../../graph/tensor.js';
import type { Named } from '../config/named.js';
import type { UnitArgs, UnitConfig } from '../config/unit-config.js';
import type { UnitsTemplate } from '../config/units-template.js';
import { ChannelSelection } from '../dynamic-ops/channel-selection.js';
import { DynamicModel } from '../dynamic-ops/dynamic-model.js';
import { createDynamicOps, type DynamicOp } from '../dynamic-ops/dynamic-op.js';
import { exportSubnet, type Subnet } from '../dynamic-ops/export-subnet.js';
import { maskedGraph } from '../dynamic-ops/masked-graph.js';
import type { ImportanceSource } from '../importance/index.js';
import { type ChannelAnalysis, ChannelAnalyzer } from '../tracer/index.js';
import {
  type ChoiceRecord,
  defaultArgsOf,
  getUnitType,
  keepsAll,
  type MutableChannelUnit,
  UNIT_TYPES,
  type UnitType,
} from '../units/index.js';
import { configTemplate, type TemplateOptions } from './config-template.js';
import { argsOfUnit, checkedMutatorConfig, findCriterion, type MutatorConfig } from './mutator-config.js';
import { getParser } from './parse-units.js';

/** How choices are sampled; which kinds there are depends on the mutator. */
export type SampleKind = 'random' | 'max' | 'min';

/** A unit as a checkpoint holds it: its mask as 0 and 1. */
export type MutatorState = Readonly<Record<string, readonly number[]>>;

/**
 * Owns the units of a graph and their choices: decides how many channels each unit keeps.
 * @example
 * const mutator = new ChannelMutator({ channel_unit_cfg: { type: 'L1ChannelUnit' } });
 * mutator.prepareFromSupernet(graph);
 * mutator.setChoices({ 'conv_(0, 8)_8': 0.5 });
 * const { graph: pruned } = mutator.exportSubnet();
 */
export class ChannelMutator {
  /** The names of its row. */
  static readonly named: Named = {
    name: 'ChannelMutator',
    aliases: ['ChanelMutator', 'BaseChannelMutator', 'ChannelUnitMutator'],
  };
  /** The type of its units where a config names none; undefined: the first that there is. */
  static readonly unitType: string | undefined;

  readonly #config: MutatorConfig;
  #analysis: ChannelAnalysis | undefined;
  #units: readonly MutableChannelUnit[] = [];
  #unfit = new Map<string, { code: string; message: string }>();
  #dynamicOps: readonly DynamicOp[] | undefined;
  #weights = new Map<string, Tensor>();
  #losses: ReadonlyMap<string, Float64Array> = new Map();
  readonly #source: ImportanceSource = {
    weights: (id) => this.#weights.get(id),
    losses: (unit) => this.#losses.get(unit),
    seed: () => this.seed,
  };

  /** What criteria that draw, draw by. */
  seed = 0;

  /** @throws EspalierError CONFIG_INVALID for a field that there is not, or a value that it can't have. */
  constructor(config: MutatorConfig = {}) {
    this.#config = checkedMutatorConfig(config, new.target.named);
  }

  /**
   * Analyzes a graph and makes its units. The graph and its weights are not changed.
   * @param supernet a graph; for `Predefined` a model whose mutables are registered.
   * @throws EspalierError CONFIG_INVALID or UNIT_UNKNOWN when the config's units don't fit the graph.
   */
  prepareFromSupernet(supernet: Graph | DynamicModel): void {
    const { channel_unit_cfg: { units = {} } = {}, ignore } = this.#config;
    const { unitType, defaultArgs } = this;
    const criterion = findCriterion(this.#config, unitType);
    const parse = getParser(this.parseType);
    const graph = supernet instanceof DynamicModel ? supernet.graph : supernet;
    const analysis = new ChannelAnalyzer({ ignore }).analyze(graph);
    const found = parse(analysis, units, supernet);
    this.#analysis = { ...analysis, units: found.map(({ unit }) => unit) };
    this.#weights = new Map([...graph.constants].map(([id, { tensor }]) => [id, tensor]));
    this.#units = found.map(({ unit, mutable }) =>
      unitType.create(unit, argsOfUnit(unit, units[unit.name], defaultArgs), {
        ...(criterion ? { criterion } : {}),
        ...(mutable ? { mutable } : {}),
      }),
    );
    this.#unfit = new Map();
    for (const unit of this.#units) {
      const reason = unit.isMutable ? unit.unfitReason(this.#source) : undefined;
      if (reason) this.#unfit.set(unit.name, reason);
    }
    const predefined = this.parseType === 'Predefined' && supernet instanceof DynamicModel;
    this.#dynamicOps = predefined ? supernet.dynamicOps : undefined;
    this.#applyConfiguredChoices(units);
  }

  /** The name by which configs know this kind of mutator. */
  get type(): string {
    return this.#config.type ?? this.constructor.name;
  }

  /** The kind of units. @throws EspalierError CONFIG_INVALID for one that there is not. */
  get unitType(): UnitType {
    const types = this.#config.parts?.unitTypes ?? UNIT_TYPES;
    const { unitType = types[0].name } = this.constructor as typeof ChannelMutator;
    return getUnitType(this.#config.channel_unit_cfg?.type ?? unitType, types);
  }

  /** The criterion by the config's name for it; absent where the config gives none. */
  get criterion(): string | undefined {
    return this.#config.channel_unit_cfg?.criterion;
  }

  /** Whether some unit goes by what is measured on samples: see {@link setLosses}. */
  get ranksBySamples(): boolean {
    return this.mutableUnits.some((unit) => unit.bySamples !== undefined);
  }

  get parseType(): string {
    return this.#config.parse_cfg?.type ?? 'ChannelAnalyzer';
  }

  /** The arguments that units have where the config gives them none of their own. */
  get defaultArgs(): UnitArgs {
    return defaultArgsOf(this.unitType, this.#config.channel_unit_cfg?.default_args);
  }

  /** True for a unit that the config gives arguments of its own. */
  hasOwnArgs(unit: string): boolean {
    return this.#config.channel_unit_cfg?.units?.[unit]?.init_args !== undefined;
  }

  /** @throws Error before {@link prepareFromSupernet}. */
  get analysis(): ChannelAnalysis {
    if (!this.#analysis) throw new Error('prepareFromSupernet has not been called');
    return this.#analysis;
  }

  /** All units in graph order, those that can't be pruned among them. */
  get units(): readonly MutableChannelUnit[] {
    return this.#units;
  }

  get mutableUnits(): readonly MutableChannelUnit[] {
    return this.#units.filter((unit) => this.isMutable(unit));
  }

  isMutable(unit: MutableChannelUnit): boolean {
    return unit.isMutable && !this.#unfit.has(unit.name);
  }

  /** One op for each node with weights, with the masks of its channels. */
  get dynamicOps(): readonly DynamicOp[] {
    this.#dynamicOps ??= createDynamicOps(this.analysis, this.#units);
    return this.#dynamicOps;
  }

  /** The output channels that stay whatever the choices, by layer, each with a reason. */
  get unprunable(): ChannelAnalysis['unprunable'] {
    const unfit = this.#units.flatMap((unit) => {
      const reason = this.#unfit.get(unit.name);
      if (!reason) return [];
      const makers = unit.channelUnit.outputRelated.filter((related) => !related.passThrough);
      return makers.map((related) => ({
        layer: related.name,
        channels: related.end - related.start,
        code: reason.code,
        reason: reason.message,
      }));
    });
    return [...this.analysis.unprunable, ...unfit];
  }

  /** Where criteria find the current full weights. */
  get importanceSource(): ImportanceSource {
    return this.#source;
  }

  /** The current full weights, by constant id. */
  get weights(): ReadonlyMap<string, Tensor> {
    return this.#weights;
  }

  /**
   * Takes trained full weights, so that importances are computed from them. Constants that are left out stay as they are.
   * @throws RangeError for an id that the graph has not, or a tensor of another shape (a slice, say).
   */
  setWeights(constants: ReadonlyMap<string, Tensor>): void {
    for (const [id, tensor] of constants) {
      const shape = this.#weights.get(id)?.shape;
      if (shape?.join() !== tensor.shape.join()) {
        throw new RangeError(
          `constant ${id} has shape [${tensor.shape}], the full graph has ${shape ? `[${shape}]` : 'none'}`,
        );
      }
      this.#weights.set(id, tensor);
    }
  }

  /** @throws EspalierError UNIT_UNKNOWN, with the near misses, for a name that no mutable unit has. */
  getMutableUnit(name: string): MutableChannelUnit {
    const unit = this.#units.find((candidate) => candidate.name === name);
    if (unit && this.isMutable(unit)) return unit;
    const names = this.mutableUnits.map((candidate) => candidate.name);
    const why = unit
      ? `unit ${name} can not be pruned: ${(unit.channelUnit.reason ?? this.#unfit.get(name))?.message}`
      : `there is no unit ${name}${didYouMean(name, names)}`;
    throw new EspalierError('UNIT_UNKNOWN', why);
  }

  /** Takes what channels were measured to be worth, by unit name, for criteria that go by that. */
  setLosses(losses: ReadonlyMap<string, Float64Array>): void {
    this.#losses = losses;
  }

  /**
   * A choice for each mutable unit, each independent of the others.
   * @throws EspalierError CONFIG_INVALID for a kind that this mutator has not.
   */
  sampleChoices(kind: SampleKind = 'random', random: () => number = Math.random): Record<string, number> {
    if (kind !== 'random') {
      throw new EspalierError(
        'CONFIG_INVALID',
        `choices of a ${this.constructor.name} are sampled at random, not ${kind}`,
      );
    }
    return this.choicesOf((unit) => unit.sampleChoice(random));
  }

  /** A choice for each mutable unit, by name. */
  protected choicesOf(choose: (unit: MutableChannelUnit) => number): Record<string, number> {
    return Object.fromEntries(this.mutableUnits.map((unit) => [unit.name, choose(unit)]));
  }

  /**
   * Sets choices by unit name; units that are left out stay as they are. All of them are checked before the first is set;
   * should a criterion fail on the way, those that were set go back.
   * @returns what each unit was set to, after rounding.
   * @throws EspalierError UNIT_UNKNOWN, CHOICE_INVALID
   */
  setChoices(choices: Readonly<Record<string, number>>): Record<string, ChoiceRecord> {
    const entries = Object.entries(choices).map(([name, choice]) => {
      const unit = this.getMutableUnit(name);
      unit.countFor(choice);
      if (unit.mutableChannel.isFixed) {
        throw new EspalierError('CHOICE_INVALID', `unit ${name} is fixed to ${unit.currentChoice}`);
      }
      return { unit, choice, before: unit.currentMask };
    });
    try {
      return Object.fromEntries(entries.map(({ unit, choice }) => [unit.name, unit.setChoice(choice, this.#source)]));
    } catch (error) {
      for (const { unit, before } of entries) unit.restoreMask(before);
      throw error;
    }
  }

  /** The current choice of each mutable unit. */
  get currentChoices(): Record<string, number> {
    return this.choicesOf((unit) => unit.currentChoice);
  }

  /** The same as {@link currentChoices}: what a config's choices look like. */
  get choiceTemplate(): Record<string, number> {
    return this.currentChoices;
  }

  /** A config that describes the units; what comes out can be sent back in as `mutator_cfg`. */
  configTemplate(options: TemplateOptions = {}): UnitsTemplate {
    return configTemplate(this, options);
  }

  /** Makes the current choices final. */
  fixChosen(): void {
    for (const unit of this.#units) unit.fixChosen();
  }

  /** The masks of all mutable units, for a checkpoint. */
  get state(): MutatorState {
    return Object.fromEntries(this.mutableUnits.map((unit) => [unit.name, [...unit.currentMask]]));
  }

  /**
   * Puts the masks of a checkpoint back, all or none; they are not computed anew, as weights may have changed since.
   * @throws EspalierError UNIT_UNKNOWN, RangeError for a mask that the unit can't have
   */
  restoreState(state: MutatorState): void {
    const entries = Object.entries(state).map(([name, mask]) => {
      const unit = this.getMutableUnit(name);
      return { unit, mask: Uint8Array.from(mask), before: unit.currentMask };
    });
    try {
      for (const { unit, mask } of entries) unit.restoreMask(mask);
    } catch (error) {
      for (const { unit, before } of entries) unit.restoreMask(before);
      throw error;
    }
  }

  /** Which channels stay, by the current masks. */
  selection(): ChannelSelection {
    const units = this.mutableUnits.map((unit) => ({ classes: unit.channelUnit.classes, mask: unit.currentMask }));
    return new ChannelSelection(this.analysis, units);
  }

  /** The full graph computing the masked forward, on the current weights. See {@link maskedGraph}. */
  maskedGraph(): Graph {
    return maskedGraph(this.selection(), this.#weights);
  }

  /** The pruned graph, on the current weights. See {@link exportSubnet}. */
  exportSubnet(): Subnet {
    return exportSubnet(this.selection(), this.#weights);
  }

  #applyConfiguredChoices(units: Readonly<Record<string, UnitConfig>>): void {
    const choices = Object.entries(units).flatMap(([name, { choice }]): [string, number][] => {
      const unit = this.#units.find((candidate) => candidate.name === name);
      if (!unit) {
        const near = didYouMean(
          name,
          this.#units.map((candidate) => candidate.name),
        );
        throw new EspalierError('UNIT_UNKNOWN', `channel_unit_cfg.units: there is no unit ${name}${near}`);
      }
      // A template lists units that can't be pruned and units that are whole: their choices say nothing.
      if (choice === undefined || !this.isMutable(unit)) return [];
      const whole = unit.activatedChannels === unit.numChannels && keepsAll(choice, unit.args, unit.numChannels);
      return whole ? [] : [[name, choice]];
    });
    this.setChoices(Object.fromEntries(choices));
  }
}
