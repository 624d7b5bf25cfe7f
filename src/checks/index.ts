/** Checks of what comes in, and words for what is wrong with it. A leaf. */
export * from './bounds.js';
export {
  about,
  aboutDependent,
  closed,
  defaultText,
  hasDefault,
  isRecord,
  OptionalFields,
  withDefaults,
} from './defaults.js';
export { findExcess, type JsonBounds } from './json-size.js';
export { didYouMean, editDistanceWithin, nearMisses } from './near-miss.js';
export { pointer, valueAt } from './pointer.js';
export { fieldErrors, MOST_FAULTS, type SchemaFault, schemaErrors } from './schema-errors.js';
