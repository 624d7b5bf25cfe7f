/** Drives one job, or one inspection, from stored upload to artifacts. Runs in child processes only. */
export { inspectDataset, inspectModel } from './inspect.js';
export { type Framework, loadParts, type PluginModule } from './plugins.js';
export { runJob } from './run-job.js';
export { trainModel } from './train-model.js';
