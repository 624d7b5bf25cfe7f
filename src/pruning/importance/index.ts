export { CRITERIA } from './criteria.js';
export { type Criterion, canRank, requireImportances, type SampleMeasure } from './criterion.js';
export { findFilters } from './filter-weights.js';
export type { ImportanceSource } from './importance-source.js';
export { L1_CRITERION, l1Importance } from './l1.js';
