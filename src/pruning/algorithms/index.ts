export { type Choices, PruneSchedule, type PruneScheduleOptions } from './prune-schedule.js';
