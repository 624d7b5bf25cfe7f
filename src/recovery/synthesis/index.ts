/** Calibration samples from nothing but a model. */
export { sampleLayout } from './sample-layout.js';
export type { SampleRange } from './sample-range.js';
export type { NoSynthesis, SampleBlock, Synthesis } from './synthesis.js';
export { type SynthesisOptions, synthesizeSamples } from './synthesize-samples.js';
