export {
  DerivedMutable,
  deriveConcat,
  deriveDivide,
  deriveExpand,
  deriveIndexed,
  deriveSame,
  expandMutableChannel,
  type MaskReader,
  maskUnder,
  sourcesOf,
} from './derived-mutable.js';
export { makeDivisible, type Rounding } from './make-divisible.js';
export { countOnes, type DumpChosen, keptOfMask, type MutableChannel } from './mutable-channel.js';
export { MutableChannelContainer } from './mutable-channel-container.js';
export { OneShotMutableChannel } from './one-shot-mutable-channel.js';
export { SequentialMutableChannel } from './sequential-mutable-channel.js';
export { SimpleMutableChannel } from './simple-mutable-channel.js';
