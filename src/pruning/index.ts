/**
 * The pruning framework: pure and synchronous (but for training, which an algorithm drives through {@link Trainer}).
 *
 * Words:
 * - **channel**: an index along an axis of a value. Channels that live and die together form a *class*.
 * - **unit**: the coupled channels of several layers that take one decision together, named after the first layer that
 *   makes them: `feature.0_(0, 8)_8`.
 * - **output-related, input-related**: the layers that make a unit's channels, and those that read them. A layer that
 *   passes channels on (batch norm, depthwise convolution) is both.
 * - **mask**: one bit a channel; 1 keeps it.
 * - **mutable**: what holds a mask: a simple one, a sequential one (the first k), a container that joins several, one
 *   derived from another.
 * - **choice**: how much of a unit stays, as a number: a share, a number of channels, or a bucket, by `choice_mode`.
 * - **mutator**: owns a graph's units and their choices.
 * - **dynamic op**: a layer with weights that runs with the masks of its input and its output channels.
 * - **supernet**: the full graph. **subnet**: what is left of it under the current masks, sliced or masked.
 * - **algorithm**: decides when choices change while a trainer trains.
 * - **importance**: how much a channel matters, by a criterion. **target**: what the subnet may cost.
 */
export * from './algorithms/index.js';
export * from './dynamic-ops/index.js';
export * from './importance/index.js';
export * from './mutables/index.js';
export * from './mutators/index.js';
export * from './parts.js';
export * from './targets/index.js';
export * from './tracer/index.js';
export * from './units/index.js';
