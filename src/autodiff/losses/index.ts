import type { LossKind } from '../training-step.js';
import { crossEntropy } from './cross-entropy.js';
import type { Loss } from './loss.js';

export const LOSSES: Readonly<Record<LossKind, Loss>> = { cross_entropy: crossEntropy };
