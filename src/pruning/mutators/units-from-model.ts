import { EspalierError } from '../../errors.js';
import type { DynamicModel } from '../dynamic-ops/dynamic-model.js';
import type { DynamicOp } from '../dynamic-ops/dynamic-op.js';
import { type MutableChannel, type MutableChannelContainer, maskUnder, sourcesOf } from '../mutables/index.js';
import { axisClasses, type ChannelAnalysis, type ChannelUnit } from '../tracer/index.js';

/** A unit, and the mutable that the model already has for it. */
export interface PredefinedUnit {
  readonly unit: ChannelUnit;
  readonly mutable: MutableChannel;
}

/**
 * The units of a predefined model: one for each mutable that is registered somewhere, directly or through others that
 * follow it. Which channels hang together is not for the model to say, so each mutable must stand exactly where the
 * analysis finds the channels of one unit, in the same order.
 * @throws EspalierError CONFIG_INVALID naming the layer and the unit.
 */
export function unitsFromModel(analysis: ChannelAnalysis, model: DynamicModel): readonly PredefinedUnit[] {
  const places = new Map<number, Place[]>();
  const found = new Map<MutableChannel, Int32Array>();
  for (const op of model.dynamicOps) {
    for (const side of ['input', 'output'] as const) {
      const classes = axisClasses(analysis, op.valueOf(side), op.axisOf(side));
      const owners = ownersOf(side === 'input' ? op.inChannels : op.outChannels);
      owners.forEach((owner, position) => {
        const id = classes?.[position] ?? -1;
        if (owner) claim(found, owner, id, op, side, position);
        if (id >= 0) places.set(id, [...(places.get(id) ?? []), { op, side, position, owner }]);
      });
    }
  }
  return [...found].map(([mutable, classes]) => ({ mutable, unit: unitOf(analysis, places, mutable, classes) }));
}

interface Owner {
  readonly mutable: MutableChannel;
  readonly channel: number;
}

interface Place {
  readonly op: DynamicOp;
  readonly side: 'input' | 'output';
  readonly position: number;
  readonly owner: Owner | undefined;
}

/** Notes that a channel of a mutable stands where the analysis has class `id`; it must be the same everywhere. */
function claim(
  found: Map<MutableChannel, Int32Array>,
  { mutable, channel }: Owner,
  id: number,
  op: DynamicOp,
  side: string,
  position: number,
): void {
  const classes = found.get(mutable) ?? new Int32Array(mutable.numChannels).fill(-1);
  found.set(mutable, classes);
  if (id >= 0 && (classes[channel] < 0 || classes[channel] === id)) {
    classes[channel] = id;
    return;
  }
  const why = id < 0 ? 'is on an axis that can not be pruned' : 'is not the same channel as elsewhere in the model';
  throw new EspalierError(
    'CONFIG_INVALID',
    `${side} channel ${position} of ${op.name} (channel ${channel} of its mutable) ${why}`,
  );
}

function unitOf(
  analysis: ChannelAnalysis,
  places: ReadonlyMap<number, readonly Place[]>,
  mutable: MutableChannel,
  classes: Int32Array,
): ChannelUnit {
  for (const id of classes) {
    const other = places.get(id)?.find((place) => place.owner?.mutable !== mutable);
    if (!other) continue;
    const { op, side, position } = other;
    throw new EspalierError('CONFIG_INVALID', `${side} channel ${position} of ${op.name} needs the same mutable`);
  }
  const unit = analysis.units.find((candidate) => candidate.classes.includes(classes[0]));
  if (unit?.classes.length === classes.length && unit.classes.every((id, c) => id === classes[c])) return unit;
  throw new EspalierError(
    'CONFIG_INVALID',
    `a mutable of ${classes.length} channels stands in the channels of unit ${unit?.name ?? '(none)'}, and is not the same channels in the same order`,
  );
}

/**
 * The mutable and the channel of it that each position of a container follows; undefined for positions that nothing is
 * registered on. Found by trying masks: all ones tell whose a position is, one mask for each binary digit tells which.
 */
function ownersOf(container: MutableChannelContainer): (Owner | undefined)[] {
  const owners = new Array<Owner | undefined>(container.numChannels).fill(undefined);
  for (const { start, mutable } of container.registrations) {
    for (const source of sourcesOf(mutable)) {
      const read = (bit: (channel: number) => number) =>
        maskUnder(mutable, (at) => Uint8Array.from({ length: at.numChannels }, (_, c) => (at === source ? bit(c) : 0)));
      const mine = read(() => 1);
      const channels = new Int32Array(mine.length);
      for (let digit = 0; source.numChannels > 1 << digit; digit++) {
        const plane = read((channel) => (channel >> digit) & 1);
        plane.forEach((bit, i) => {
          channels[i] |= bit << digit;
        });
      }
      mine.forEach((bit, i) => {
        if (bit) owners[start + i] = { mutable: source, channel: channels[i] };
      });
    }
  }
  return owners;
}
