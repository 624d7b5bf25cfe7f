import { EspalierError } from '../../errors.js';
import type { Graph } from '../../graph/graph.js';
import type { UnitConfig } from '../config/unit-config.js';
import { DynamicModel } from '../dynamic-ops/dynamic-model.js';
import type { MutableChannel } from '../mutables/index.js';
import type { ChannelAnalysis, ChannelUnit } from '../tracer/index.js';
import { unitsFromConfig } from './units-from-config.js';
import { unitsFromModel } from './units-from-model.js';

/** A unit, and the mutable that a predefined model has for it. */
export interface ParsedUnit {
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
  Predefined: (analysis, _units, supernet) => {
    if (supernet instanceof DynamicModel) return unitsFromModel(analysis, supernet);
    throw new EspalierError('CONFIG_INVALID', 'parse_cfg Predefined needs a DynamicModel, whose mutables are given');
  },
};

/** @throws EspalierError CONFIG_INVALID for a type that there is not. */
export function getParser(type: string): Parser {
  if (Object.hasOwn(PARSERS, type)) return PARSERS[type];
  const known = Object.keys(PARSERS).join(' or ');
  throw new EspalierError('CONFIG_INVALID', `parse_cfg.type must be ${known}, got ${type}`);
}
