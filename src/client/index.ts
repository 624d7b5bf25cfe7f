export { type Client, type ClientOptions, createClient, type Files, type NewJobRequest } from './client.js';
export { ProblemError } from './problem-error.js';
export type {
  ArtifactView,
  DatasetView,
  JobSummaryView,
  JobView,
  ModelView,
  PruneConfigInput,
  UnitsView,
} from './wire.js';
