export {
  axisClasses,
  type ChannelAnalysis,
  type ChannelUnit,
  type RelatedChannels,
  relatedIndices,
  type UnprunableChannels,
} from './channel-analysis.js';
export { type AnalyzerOptions, ChannelAnalyzer } from './channel-analyzer.js';
export { layerGlobs } from './layer-globs.js';
export { tracerReason } from './reasons.js';
export { SettledChannels } from './settled-channels.js';
