export { DerivedMutable, deriveExpand, deriveIndexed } from './derived-mutable.js';
export { countOnes, type DumpChosen, keptOfMask, type MutableChannel } from './mutable-channel.js';
export { MutableChannelContainer } from './mutable-channel-container.js';
export { SequentialMutableChannel } from './sequential-mutable-channel.js';
export { SimpleMutableChannel } from './simple-mutable-channel.js';
