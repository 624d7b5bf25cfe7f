import type { AxisChannels, Reason } from '../../graph/channels.js';
import type { Graph } from '../../graph/graph.js';
import type { ChannelAnalysis, ChannelUnit, RelatedChannels, UnprunableChannels } from './channel-analysis.js';
import { type ChannelSlot, type FixedSlot, findSlots } from './channel-slots.js';
import { tracerReason } from './reasons.js';
import { relatedChannels, segmentsOf } from './related-channels.js';

export interface TracedFacts {
  readonly graph: Graph;
  readonly numClasses: number;
  readonly axes: ReadonlyMap<string, readonly AxisChannels[]>;
  /** Lists of classes of which some must stay: a unit has all its classes in such a list, or none. */
  readonly parts: readonly Int32Array[];
  frozen(id: number): Reason | undefined;
  renormalised(id: number): boolean;
}

/** Where every class ended up: its unit, and its index in that unit; -1 for classes that no layer owns. */
export interface UnitIndex {
  readonly unit: Int32Array;
  readonly channel: Int32Array;
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
  const owners = classOwners(facts, slots);
  const { members, index } = cutIntoRuns(facts, slots, owners);
  const units = uniquelyNamed(
    members.map((classes, u) => describeUnit(facts, slots, owners[classes[0]], index, u, classes)),
  );
  return { units, unprunable: findUnprunable(facts, slots, fixed, units, index) };
}

/** By class, the slots that it stands in, ascending. */
function classOwners(facts: TracedFacts, slots: readonly ChannelSlot[]): number[][] {
  const owners: number[][] = Array.from({ length: facts.numClasses }, () => []);
  slots.forEach((slot, s) => {
    for (const id of slot.classes) if (owners[id].at(-1) !== s) owners[id].push(s);
  });
  return owners;
}

function cutIntoRuns(
  facts: TracedFacts,
  slots: readonly ChannelSlot[],
  owners: readonly number[][],
): { members: number[][]; index: UnitIndex } {
  const home = owners.map((list) => list.find((s) => slots[s].side === 'output') ?? list[0] ?? -1);
  const parts: number[][] = owners.map(() => []);
  facts.parts.forEach((ids, part) => {
    for (const id of new Set(ids)) parts[id].push(part);
  });
  const keys = owners.map((list, id) => `${list.join(',')} ${parts[id].join(',')}${facts.frozen(id) ? ' frozen' : ''}`);
  const unit = new Int32Array(facts.numClasses).fill(-1);
  const channel = new Int32Array(facts.numClasses).fill(-1);
  const members: number[][] = [];
  slots.forEach((slot, s) => {
    let previous = -1;
    for (const id of slot.classes) {
      if (unit[id] < 0 && home[id] === s) {
        const joins = previous >= 0 && home[previous] === s && keys[previous] === keys[id];
        unit[id] = joins ? unit[previous] : members.push([]) - 1;
        channel[id] = members[unit[id]].push(id) - 1;
      }
      previous = id;
    }
  });
  return { members, index: { unit, channel } };
}

function describeUnit(
  facts: TracedFacts,
  slots: readonly ChannelSlot[],
  owners: readonly number[],
  index: UnitIndex,
  u: number,
  members: readonly number[],
): ChannelUnit {
  const producers = owners.filter((s) => slots[s].side === 'output');
  const own = producers.filter((s) => !slots[s].passThrough);
  // How often the makers repeat the unit's channels: once for each group of a grouped convolution.
  const repeats = Math.max(
    1,
    ...(own.length > 0 ? own : producers).map((s) => segmentsOf(slots[s].classes, index, u).length),
  );
  const related = (side: ChannelSlot['side']): RelatedChannels[] =>
    owners
      .filter((s) => slots[s].side === side)
      .flatMap((s) => relatedChannels(slots[s], index, u, members.length, repeats));
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
  for (const slot of slots) {
    if (slot.side === 'input') continue;
    for (const id of slot.classes) {
      const unit = units[index.unit[id]];
      const passesOn = slot.passThrough && unit.outputRelated.some((related) => !related.passThrough);
      if (unit.reason && !passesOn) add(slot.layer, 1, facts.frozen(id) ?? unit.reason);
    }
  }
  return [...found.values()];
}
