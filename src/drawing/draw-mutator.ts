import type { ChannelMutator } from '../pruning/mutators/channel-mutator.js';
import { drawModule, type ModulePicture } from './module-picture.js';
import { pictureOfMutable } from './picture-of-node.js';

/** A mutator with its mutable units, as the original prints one. */
export function drawMutator(mutator: ChannelMutator): string {
  return drawModule(pictureOfMutator(mutator));
}

export function pictureOfMutator(mutator: ChannelMutator): ModulePicture {
  const units = mutator.mutableUnits.map((unit, i): [string, ModulePicture] => [
    String(i),
    {
      type: unit.constructor.name,
      lines: [`name=${unit.name}`],
      children: [['mutable_channel', pictureOfMutable(unit.mutableChannel)]],
    },
  ]);
  const children: [string, ModulePicture][] = [['units', { type: 'ModuleList', children: units }]];
  return { type: mutator.constructor.name, ...(units.length > 0 ? { children } : {}) };
}
