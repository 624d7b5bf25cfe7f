import { EspalierError } from '../../errors.js';
import type { RelatedConfig, UnitConfig } from '../config/unit-config.js';
import type { ChannelAnalysis, ChannelUnit, RelatedChannels } from '../tracer/index.js';

/**
 * The units of a config with `parse_cfg.type` `Config`: each names its layers and ranges. The config chooses which units
 * there are and what they are called; which channels hang together is not for it to say, so every unit must be one that
 * the analysis found. `start` and `end` default to the unit's whole width.
 * @throws EspalierError CONFIG_INVALID naming the unit and what the analysis found instead.
 */
export function unitsFromConfig(
  analysis: ChannelAnalysis,
  units: Readonly<Record<string, UnitConfig>>,
): readonly ChannelUnit[] {
  const used = new Map<ChannelUnit, string>();
  return Object.entries(units).map(([name, config]) => {
    const { channels } = config;
    if (!channels) throw new EspalierError('CONFIG_INVALID', `unit ${name}: parse_cfg Config needs its channels`);
    const width = config.init_args?.num_channels ?? config.num_channels;
    const outputs = channels.output_related.map((entry) => rangeOf(entry, width));
    const inputs = channels.input_related.map((entry) => rangeOf(entry, width));
    const anchor = outputs[0] ?? inputs[0];
    if (!anchor) throw new EspalierError('CONFIG_INVALID', `unit ${name}: its channels are empty`);
    const side = outputs.length > 0 ? 'outputRelated' : 'inputRelated';
    const unit = analysis.units.find((found) => found[side].some((related) => contains(related, anchor)));
    if (!unit) {
      throw new EspalierError('CONFIG_INVALID', `unit ${name}: layer ${describe(anchor)} has no such channels`);
    }
    const fault =
      difference('output_related', outputs, unit.outputRelated) ??
      difference('input_related', inputs, unit.inputRelated) ??
      (width !== undefined && width !== unit.numChannels
        ? `it has ${unit.numChannels} channels, not ${width}`
        : undefined);
    if (fault) throw new EspalierError('CONFIG_INVALID', `unit ${name} contradicts the model: ${fault}`);
    const other = used.get(unit);
    if (other) throw new EspalierError('CONFIG_INVALID', `units ${other} and ${name} are the same channels`);
    used.set(unit, name);
    return { ...unit, name };
  });
}

interface Range {
  readonly name: string;
  readonly start: number;
  /** Undefined: the rest of the layer. */
  readonly end: number | undefined;
}

function rangeOf(entry: RelatedConfig, width: number | undefined): Range {
  return { name: entry.name, start: entry.start ?? 0, end: entry.end ?? width };
}

function contains(related: RelatedChannels, range: Range): boolean {
  return (
    related.name === range.name &&
    related.start === range.start &&
    (range.end === undefined || related.end === range.end)
  );
}

/** What is missing or too much on one side. */
function difference(side: string, config: readonly Range[], found: readonly RelatedChannels[]): string | undefined {
  const missing = found.find((related) => !config.some((range) => contains(related, range)));
  if (missing) return `${side} must hold ${describe(missing)}`;
  const extra = config.find((range) => !found.some((related) => contains(related, range)));
  return extra ? `${describe(extra)} is not ${side}` : undefined;
}

function describe({ name, start, end }: Range): string {
  return end === undefined ? `${name} from ${start}` : `${name} (${start}, ${end})`;
}
