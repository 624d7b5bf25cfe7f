/**
 * The config of a job: TypeBox schema, aliases, defaults, cross-field checks. A leaf: api, jobs, pipeline and CLI use it.
 */
export type { PruneConfig } from './resolved.js';
