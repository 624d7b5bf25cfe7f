export { CRITERIA, type Criterion, canRank, L1_CRITERION, requireImportances } from './criterion.js';
export { findFilters } from './filter-weights.js';
export type { ImportanceSource } from './importance-source.js';
export { l1Importance } from './l1.js';
