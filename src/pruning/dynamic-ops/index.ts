export { ChannelSelection, type MaskedUnit } from './channel-selection.js';
export { DynamicModel } from './dynamic-model.js';
export { createDynamicOps, DynamicOp, type StaticOp } from './dynamic-op.js';
export { exportSubnet, type Subnet } from './export-subnet.js';
export { maskedGraph } from './masked-graph.js';
export { gatherAxes, type KeptAxes, scatterAxes } from './tensor-slices.js';
