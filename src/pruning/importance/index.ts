export type { ImportanceSource } from './importance-source.js';
export { l1Importance } from './l1.js';
