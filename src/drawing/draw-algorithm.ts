import type { ChannelMutator } from '../pruning/mutators/channel-mutator.js';
import { pictureOfModel } from './draw-model.js';
import { pictureOfMutator } from './draw-mutator.js';
import { drawModule, type ModulePicture } from './module-picture.js';

/** A graph takes its inputs as they are; the guide's pictures show that as a preprocessor that does nothing. */
const PREPROCESSOR: readonly [string, ModulePicture] = ['data_preprocessor', { type: 'BaseDataPreprocessor' }];

/** An algorithm with its architecture and its mutator, line by line as the guide's picture has them. */
export function drawAlgorithm(name: string, mutator: ChannelMutator): string {
  const { type, children = [] } = pictureOfModel(mutator.analysis.graph, mutator.dynamicOps);
  return drawModule({
    type: name,
    children: [
      PREPROCESSOR,
      ['architecture', { type, children: [PREPROCESSOR, ...children] }],
      ['mutator', pictureOfMutator(mutator)],
    ],
  });
}
