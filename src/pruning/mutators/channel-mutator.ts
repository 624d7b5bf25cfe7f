import { EspalierError } from '../../errors.js';
import type { Graph } from '../../graph/graph.js';
import type { Tensor } from '../../graph/tensor.js';
import { didYouMean, type UnitArgs, type UnitConfig, unitArgsOf } from '../../prune-config/index.js';
import { pictureOfModel } from '../drawing/draw-model.js';
import { drawMutator } from '../drawing/draw-mutator.js';
import { drawModule } from '../drawing/module-picture.js';
import { ChannelSelection } from '../dynamic-ops/channel-selection.js';
import { DynamicModel } from '../dynamic-ops/dynamic-model.js';
import { createDynamicOps, type DynamicOp } from '../dynamic-ops/dynamic-op.js';
import { exportSubnet, type Subnet } from '../dynamic-ops/export-subnet.js';
import { maskedGraph } from '../dynamic-ops/masked-graph.js';
import { CRITERIA, type Criterion, type ImportanceSource } from '../importance/index.js';
import type { MutableChannel } from '../mutables/index.js';
import type { FrameworkParts } from '../parts.js';
import { type ChannelAnalysis, ChannelAnalyzer, type ChannelUnit } from '../tracer/index.js';
import {
  type ChoiceRecord,
  DEFAULT_UNIT_ARGS,
  getUnitType,
  type MutableChannelUnit,
  UNIT_TYPES,
  type UnitType,
} from '../units/index.js';
import { type ConfigTemplate, configTemplate, type TemplateOptions } from './config-template.js';
import { unitsFromConfig } from './units-from-config.js';
import { type PredefinedUnit, unitsFromModel } from './units-from-model.js';

export interface MutatorConfig {
  readonly channel_unit_cfg?: {
    readonly type?: string;
    /** What a `CriterionChannelUnit` ranks channels by; `l1` when absent. */
    readonly criterion?: string;
    readonly default_args?: Partial<UnitArgs>;
    /** By unit name: `init_args` over the defaults, and the choice to start with. */
    readonly units?: Readonly<Record<string, UnitConfig>>;
  };
  /**
   * `ChannelAnalyzer` finds the units; `Config` takes those of `channel_unit_cfg.units`, `Predefined` those of a
   * {@link DynamicModel}; the analysis must bear both out.
   */
  readonly parse_cfg?: { readonly type: string };
  /** Globs on layer names whose output channels stay. */
  readonly ignore?: readonly string[];
  /** What `channel_unit_cfg` may name; absent: what comes with Espalier. */
  readonly parts?: Pick<FrameworkParts, 'unitTypes' | 'criteria'>;
}

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
  readonly #config: MutatorConfig;
  #analysis: ChannelAnalysis | undefined;
  #units: readonly MutableChannelUnit[] = [];
  #unfit = new Map<string, { code: string; message: string }>();
  #dynamicOps: readonly DynamicOp[] = [];
  #weights = new Map<string, Tensor>();
  readonly #source: ImportanceSource = {
    weights: (id) => this.#weights.get(id),
  };

  constructor(config: MutatorConfig = {}) {
    this.#config = config;
  }

  /**
   * Analyzes a graph and makes its units. The graph and its weights are not changed.
   * @param supernet a graph; for `Predefined` a model whose mutables are registered.
   * @throws EspalierError CONFIG_INVALID or UNIT_UNKNOWN when the config's units don't fit the graph.
   */
  prepareFromSupernet(supernet: Graph | DynamicModel): void {
    const { channel_unit_cfg: cfg = {}, ignore } = this.#config;
    const { unitType } = this;
    const criterion = this.#findCriterion(unitType);
    const parser = PARSERS[this.parseType];
    if (!parser) {
      const known = Object.keys(PARSERS).join(' or ');
      throw new EspalierError('CONFIG_INVALID', `parse_cfg.type must be ${known}, got ${this.parseType}`);
    }
    const graph = supernet instanceof DynamicModel ? supernet.graph : supernet;
    const analysis = new ChannelAnalyzer({ ignore }).analyze(graph);
    const found = parser(analysis, cfg.units ?? {}, supernet);
    this.#analysis = { ...analysis, units: found.map(({ unit }) => unit) };
    this.#weights = new Map([...graph.constants].map(([id, { tensor }]) => [id, tensor]));
    this.#units = found.map(({ unit, mutable }) =>
      unitType.create(unit, this.#argsOf(unit, cfg.units?.[unit.name]), {
        ...(criterion ? { criterion } : {}),
        ...(mutable ? { mutable } : {}),
      }),
    );
    this.#unfit = new Map();
    for (const unit of this.#units) {
      const reason = unit.isMutable ? unit.unfitReason(this.#source) : undefined;
      if (reason) this.#unfit.set(unit.name, reason);
    }
    this.#dynamicOps =
      this.parseType === 'Predefined' && supernet instanceof DynamicModel
        ? supernet.dynamicOps
        : createDynamicOps(this.#analysis, this.#units);
    this.#applyConfiguredChoices(cfg.units ?? {});
  }

  /** The kind of units. @throws EspalierError CONFIG_INVALID for one that there is not. */
  get unitType(): UnitType {
    const types = this.#config.parts?.unitTypes ?? UNIT_TYPES;
    return getUnitType(this.#config.channel_unit_cfg?.type ?? types[0].name, types);
  }

  /** The criterion by the config's name for it; absent where the config gives none. */
  get criterion(): string | undefined {
    return this.#config.channel_unit_cfg?.criterion;
  }

  get parseType(): string {
    return this.#config.parse_cfg?.type ?? 'ChannelAnalyzer';
  }

  /** The arguments that units have where the config gives them none of their own. */
  get defaultArgs(): UnitArgs {
    return { ...DEFAULT_UNIT_ARGS, ...this.unitType.defaultArgs, ...this.#config.channel_unit_cfg?.default_args };
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
  protected choicesOf<U extends MutableChannelUnit>(choose: (unit: U) => number): Record<string, number> {
    return Object.fromEntries(this.mutableUnits.map((unit) => [unit.name, choose(unit as U)]));
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
    return Object.fromEntries(this.mutableUnits.map((unit) => [unit.name, unit.currentChoice]));
  }

  /** The same as {@link currentChoices}: what a config's choices look like. */
  get choiceTemplate(): Record<string, number> {
    return this.currentChoices;
  }

  /** A config that describes the units; what comes out can be sent back in as `mutator_cfg`. */
  configTemplate(options: TemplateOptions = {}): ConfigTemplate {
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

  /** Puts the masks of a checkpoint back; they are not computed anew, as weights may have changed since. */
  restoreState(state: MutatorState): void {
    for (const [name, mask] of Object.entries(state)) this.getMutableUnit(name).restoreMask(Uint8Array.from(mask));
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

  /** Draws the layers of the graph with the masks of their channels, as PyTorch prints a model. */
  drawArchitecture(): string {
    return drawModule(pictureOfModel(this.analysis.graph, this.dynamicOps));
  }

  /** Draws the units and their widths, as the guide prints modules. */
  toString(): string {
    return drawMutator(this);
  }

  #findCriterion(unitType: UnitType): Criterion | undefined {
    const { criterion: name } = this;
    if (name === undefined) return undefined;
    if (!unitType.takesCriterion) {
      throw new EspalierError(
        'CONFIG_INVALID',
        `channel_unit_cfg.criterion: a ${unitType.name} takes none, got ${name}`,
      );
    }
    const criteria = this.#config.parts?.criteria ?? CRITERIA;
    const found = criteria.find((criterion) => criterion.name === name);
    if (found) return found;
    const known = criteria.map((criterion) => criterion.name).join(', ');
    throw new EspalierError('CONFIG_INVALID', `unknown criterion ${name}; there are ${known}`);
  }

  #argsOf(unit: ChannelUnit, config: UnitConfig | undefined): UnitArgs {
    const { num_channels, ...args } = unitArgsOf(config, this.defaultArgs) as UnitArgs & { num_channels?: number };
    if (num_channels !== undefined && num_channels !== unit.numChannels) {
      const message = `unit ${unit.name} has ${unit.numChannels} channels, init_args.num_channels is ${num_channels}`;
      throw new EspalierError('CONFIG_INVALID', message);
    }
    if (args.choice_mode === 'bucket' && !args.candidate_choices?.length) {
      throw new EspalierError('CONFIG_INVALID', `unit ${unit.name}: choice_mode bucket needs candidate_choices`);
    }
    return args;
  }

  #applyConfiguredChoices(units: Readonly<Record<string, UnitConfig>>): void {
    const choices: Record<string, number> = {};
    for (const [name, config] of Object.entries(units)) {
      const unit = this.#units.find((candidate) => candidate.name === name);
      if (!unit) {
        const names = this.#units.map((candidate) => candidate.name);
        throw new EspalierError(
          'UNIT_UNKNOWN',
          `channel_unit_cfg.units: there is no unit ${name}${didYouMean(name, names)}`,
        );
      }
      // A template lists units that can't be pruned too; their choice is all there is, and stays so.
      if (config.choice !== undefined && this.isMutable(unit)) choices[name] = config.choice;
    }
    this.setChoices(choices);
  }
}

interface ParsedUnit {
  readonly unit: ChannelUnit;
  readonly mutable?: MutableChannel;
}

type Parser = (
  analysis: ChannelAnalysis,
  units: Readonly<Record<string, UnitConfig>>,
  supernet: Graph | DynamicModel,
) => readonly ParsedUnit[];

/** Where units come from, by `parse_cfg.type`. */
const PARSERS: Readonly<Record<string, Parser>> = {
  ChannelAnalyzer: (analysis) => analysis.units.map((unit) => ({ unit })),
  Config: (analysis, units) => unitsFromConfig(analysis, units).map((unit) => ({ unit })),
  Predefined: (analysis, _units, supernet): readonly PredefinedUnit[] => {
    if (supernet instanceof DynamicModel) return unitsFromModel(analysis, supernet);
    throw new EspalierError('CONFIG_INVALID', 'parse_cfg Predefined needs a DynamicModel, whose mutables are given');
  },
};
