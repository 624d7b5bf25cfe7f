/** Importing this gives mutators and algorithms their pictures: the framework itself draws nothing. */
import { BaseAlgorithm } from '../pruning/algorithms/base-algorithm.js';
import { ChannelMutator } from '../pruning/mutators/channel-mutator.js';
import { drawAlgorithm } from './draw-algorithm.js';
import { pictureOfModel } from './draw-model.js';
import { drawMutator } from './draw-mutator.js';
import { drawModule } from './module-picture.js';

declare module '../pruning/mutators/channel-mutator.js' {
  interface ChannelMutator {
    /** Draws the layers of the graph with the masks of their channels, as PyTorch prints a model. */
    drawArchitecture(): string;
    /** Draws the units and their widths, as the guide prints modules. */
    toString(): string;
  }
}

declare module '../pruning/algorithms/base-algorithm.js' {
  interface BaseAlgorithm {
    /** Draws the architecture's layers, their masks and the mutator's units, as the guide prints an algorithm. */
    toString(): string;
  }
}

ChannelMutator.prototype.drawArchitecture = function () {
  return drawModule(pictureOfModel(this.analysis.graph, this.dynamicOps));
};

ChannelMutator.prototype.toString = function () {
  return drawMutator(this);
};

BaseAlgorithm.prototype.toString = function () {
  return drawAlgorithm(this.constructor.name, this.mutator);
};
