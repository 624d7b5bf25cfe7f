/** The process that reads one upload, so that the API never does. */
// Not the index: training and engines take as long to load as a small upload to read.
import { inspectDataset, inspectModel } from '../src/pipeline/inspect.js';
import { serveInspection } from './serve-inspection.js';

serveInspection({ model: inspectModel, dataset: inspectDataset });
