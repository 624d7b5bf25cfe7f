/** Holds what a job delivers against what it must compute, on two engines where there are two. */
export { certify, type Delivery, type Equivalence, type MaskedOriginal } from './certify.js';
export { type Judges, settleJudges } from './judges.js';
export { openOriginal } from './original-file.js';
export { otherEngines } from './other-engines.js';
export { SAMPLES, type SampleFeeds, sampleFeeds } from './sample-feeds.js';
