import type { AxisChannels, Reason } from '../../graph/channels.js';
import type { Graph } from '../../graph/graph.js';
import type { ChannelAnalysis, ChannelUnit, RelatedChannels, UnprunableChannels } from './channel-analysis.js';
import { type ChannelSlot, type FixedSlot, findSlots } from './channel-slots.js';
import { tracerReason } from './reasons.js';
import { relatedChannels, type Segment, segmentsByUnit, type UnitIndex } from './related-channels.js';
import { SlotSets } from './slot-sets.js';

export interface TracedFacts {
  readonly graph: Graph;
  readonly numClasses: number;
  readonly axes: ReadonlyMap<string, readonly AxisChannels[]>;
  /** Lists of classes of which some must stay: a unit has all its classes in such a list, or none. */
  readonly parts: readonly Int32Array[];
  frozen(id: number): Reason | undefined;
  renormalised(id: number): boolean;
}

/**
 * Groups the classes into units. Classes that stand in the same slots (sides of layers) and slices and are equally free or frozen
 * belong together; on the first slot that makes them (else the first that reads them) they are cut into contiguous runs.
 *
 * Worked example: `a: 6 channels` and `b: 10` are concatenated and read by `c`. The classes of a stand in {a out, c in},
 * those of b in {b out, c in}: two units, `a_(0, 6)_6` (c reads it as 0…6) and `b_(0, 10)_10` (c reads it as 6…16).
 */
export function extractUnits(facts: TracedFacts): Pick<ChannelAnalysis, 'units' | 'unprunable'> {
  const { slots, fixed } = findSlots(facts.graph, facts.axes);
  const owners = new SlotSets(facts.numClasses);
  slots.forEach(({ classes }, s) => {
    owners.add(classes, s);
  });
  const { members, index } = cutIntoRuns(facts, slots, owners);
  const segments = slots.map(({ classes }) => segmentsByUnit(classes, index));
  const units = uniquelyNamed(
    members.map((classes, u) => {
      const places = owners
        .places(owners.of[classes[0]])
        .map((s) => ({ slot: slots[s], segments: segments[s].get(u)! }));
      return describeUnit(facts, places, index, classes);
    }),
  );
  return { units, unprunable: findUnprunable(facts, slots, fixed, units, index) };
}

function cutIntoRuns(
  facts: TracedFacts,
  slots: readonly ChannelSlot[],
  owners: SlotSets,
): { members: number[][]; index: UnitIndex } {
  const parts = new SlotSets(facts.numClasses);
  facts.parts.forEach((ids, part) => {
    parts.add(ids, part);
  });
  const homes = Int32Array.from({ length: owners.count }, (_, set) => {
    const places = owners.places(set);
    return places.find((s) => slots[s].side === 'output') ?? places[0] ?? -1;
  });
  const unit = new Int32Array(facts.numClasses).fill(-1);
  const channel = new Int32Array(facts.numClasses).fill(-1);
  const members: number[][] = [];
  slots.forEach(({ classes }, s) => {
    let previous = -1;
    for (let i = 0; i < classes.length; i++) {
      const id = classes[i];
      if (unit[id] < 0 && homes[owners.of[id]] === s) {
        const joins =
          previous >= 0 &&
          owners.of[previous] === owners.of[id] &&
          parts.of[previous] === parts.of[id] &&
          !facts.frozen(previous) === !facts.frozen(id);
        unit[id] = joins ? unit[previous] : members.push([]) - 1;
        channel[id] = members[unit[id]].push(id) - 1;
      }
      previous = id;
    }
  });
  return { members, index: { unit, channel } };
}

/** A slot that a unit stands in, and where in it. */
interface UnitPlace {
  readonly slot: ChannelSlot;
  readonly segments: readonly Segment[];
}

function describeUnit(
  facts: TracedFacts,
  places: readonly UnitPlace[],
  index: UnitIndex,
  members: readonly number[],
): ChannelUnit {
  const producers = places.filter(({ slot }) => slot.side === 'output');
  const own = producers.filter(({ slot }) => !slot.passThrough);
  // How often the makers repeat the unit's channels: once for each group of a grouped convolution.
  const repeats = Math.max(1, ...(own.length > 0 ? own : producers).map(({ segments }) => segments.length));
  const related = (side: ChannelSlot['side']): RelatedChannels[] =>
    places
      .filter(({ slot }) => slot.side === side)
      .flatMap(({ slot, segments }) => relatedChannels(slot, segments, index, members.length, repeats));
  const outputRelated = related('output');
  const inputRelated = related('input');
  const first = outputRelated[0] ?? inputRelated[0];
  const reason = immutableReason(facts, first.name, members, outputRelated, inputRelated);
  return {
    name: `${first.name}_(${first.start}, ${first.end})_${members.length}`,
    numChannels: members.length,
    outputRelated,
    inputRelated,
    classes: Int32Array.from(members),
    ...(reason ? { reason } : {}),
    renormalised: members.some((id) => facts.renormalised(id)),
  };
}

/** Numbers names that several units have; those that can be pruned come first, so that theirs stay plain. */
function uniquelyNamed(units: readonly ChannelUnit[]): ChannelUnit[] {
  const repeats = new Map<string, number>();
  const names = new Map<ChannelUnit, string>();
  for (const unit of [...units.filter((u) => !u.reason), ...units.filter((u) => u.reason)]) {
    const number = (repeats.get(unit.name) ?? 0) + 1;
    repeats.set(unit.name, number);
    names.set(unit, number === 1 ? unit.name : `${unit.name}#${number}`);
  }
  return units.map((unit) => ({ ...unit, name: names.get(unit)! }));
}

function immutableReason(
  facts: TracedFacts,
  layer: string,
  members: readonly number[],
  outputRelated: readonly RelatedChannels[],
  inputRelated: readonly RelatedChannels[],
): Reason | undefined {
  const frozen = facts.frozen(members[0]);
  if (frozen) return frozen;
  if (outputRelated.length === 0) return tracerReason('NO_PRODUCER', layer);
  if (inputRelated.length === 0) return tracerReason('NO_CONSUMER', layer);
  if (members.length === 1) return tracerReason('SINGLE_CHANNEL', layer);
  return undefined;
}

/** Output channels that stay, by layer and reason. Layers that only pass channels on are not repeated. */
function findUnprunable(
  facts: TracedFacts,
  slots: readonly ChannelSlot[],
  fixed: readonly FixedSlot[],
  units: readonly ChannelUnit[],
  index: UnitIndex,
): UnprunableChannels[] {
  const found = new Map<string, { layer: string; channels: number; code: string; reason: string }>();
  const add = (layer: string, channels: number, { code, message }: Reason): void => {
    const key = `${layer}\n${code}`;
    const entry = found.get(key);
    if (entry) entry.channels += channels;
    else found.set(key, { layer, channels, code, reason: message });
  };
  for (const { layer, channels } of fixed) add(layer, channels, tracerReason('FIXED_AXIS', layer));
  const madeByLayer = units.map((unit) => unit.outputRelated.some((related) => !related.passThrough));
  for (const slot of slots) {
    if (slot.side === 'input') continue;
    const { classes } = slot;
    for (let i = 0; i < classes.length; i++) {
      const u = index.unit[classes[i]];
      const { reason } = units[u];
      if (reason && !(slot.passThrough && madeByLayer[u])) add(slot.layer, 1, facts.frozen(classes[i]) ?? reason);
    }
  }
  return [...found.values()];
}
