export {
  type ArtifactView,
  type Client,
  type ClientOptions,
  createClient,
  type DatasetView,
  type Files,
  type JobSummaryView,
  type JobView,
  type ModelView,
  type NewJobRequest,
  type UnitsView,
} from './client.js';
export { ProblemError } from './problem-error.js';
