import { show } from '../json.js';
import type { KerasTensor } from '../keras-tensor.js';
import { type LayerChange, type LayerKind, unary } from '../layer-kind.js';
import type { LayerLowering } from '../lowering.js';
import { AS_IS } from '../weight-layout.js';

function batchNormalization(input: KerasTensor, layer: LayerLowering): KerasTensor {
  const { fields } = layer;
  const rank = input.shape.length;
  const mode = fields.get('mode') ?? 0;
  if (mode !== 0) throw layer.unsupported(`its mode is ${show(mode)}; of those of Keras 1, 0 is supported`);
  const axis = normalizedAxis(layer, rank);
  // The last axis is at place 1 channels-first; axis 1 is there as declared.
  const layout = axis === rank - 1 ? 'channelsFirst' : 'declared';
  if (axis !== 1 && axis !== rank - 1) throw layer.unsupported(`it normalises axis ${axis} of rank ${rank}`);
  if (axis !== rank - 1) {
    layer.warn(
      'BACKEND_DIFFERS',
      `it normalises axis 1 of ${rank}, which the CPU and WASM backends of TensorFlow.js get wrong`,
    );
  }
  const channels = input.shape[axis] as number;
  const [scale, center] = scaleAndShift(layer, [channels]);
  const mean = layer.weight('moving_mean', [channels], AS_IS, 'statistic');
  const variance = layer.weight('moving_variance', [channels], AS_IS, 'statistic');
  const attrs = { epsilon: fields.number('epsilon', 1e-3), momentum: fields.number('momentum', 0.99) };
  return layer.emit('BatchNormalization', [layer.in(input, layout), scale, center, mean, variance], attrs, layout);
}

/** The weights of a norm; those that the layer goes without are ones and zeros. */
function scaleAndShift(layer: LayerLowering, shape: readonly number[]): [string, string] {
  const weight = (key: string, name: string, absent: number): string =>
    layer.fields.bool(key, true) ? layer.weight(name, shape, AS_IS, 'parameter') : layer.filled(name, shape, absent);
  return [weight('scale', 'gamma', 1), weight('center', 'beta', 0)];
}

/** Over the last axes of each sample, all or some. */
function layerNormalization(input: KerasTensor, layer: LayerLowering): KerasTensor {
  const { fields } = layer;
  const rank = input.shape.length;
  const value = fields.get('axis') ?? -1;
  const axes = fields
    .tuple('axis', Array.isArray(value) ? value.length : 1, { min: -rank, fallback: -1 })
    .map((axis) => (axis < 0 ? axis + rank : axis));
  const first = rank - axes.length;
  if (first < 1 || axes.some((axis, i) => axis !== first + i)) {
    throw layer.unsupported(`it normalises axes [${axes}] of rank ${rank}; the last ones, in order, are supported`);
  }
  const weights = scaleAndShift(layer, input.shape.slice(first) as number[]);
  const attrs = { axis: first, epsilon: fields.number('epsilon', 1e-3) };
  return layer.emit('LayerNormalization', [layer.declared(input), ...weights], attrs, 'declared');
}

/** Stock TensorFlow.js has no such layer; as Keras. -1 groups, or as many as channels, is an instance norm. */
function groupNormalization(input: KerasTensor, layer: LayerLowering): KerasTensor {
  const { fields } = layer;
  const rank = input.shape.length;
  const axis = normalizedAxis(layer, rank);
  if (rank < 3 || (axis !== 1 && axis !== rank - 1)) {
    throw layer.unsupported(`it normalises axis ${axis} of rank ${rank}`);
  }
  const layout = axis === rank - 1 ? 'channelsFirst' : 'declared';
  const channels = input.shape[axis] as number;
  const groups = fields.int('groups', { min: -1, fallback: 32 });
  const inputs = [layer.in(input, layout), ...scaleAndShift(layer, [channels])];
  const epsilon = fields.number('epsilon', 1e-3);
  if (groups === -1 || groups === channels) return layer.emit('InstanceNormalization', inputs, { epsilon }, layout);
  if (groups < 1 || channels % groups !== 0) throw fields.fault('groups', `a divisor of ${channels} channels, or -1`);
  return layer.emit('GroupNormalization', inputs, { epsilon, num_groups: groups }, layout);
}

/** As many groups as channels stay as many. */
function patchGroupNormalization({ get, set, before, outputShape }: LayerChange): void {
  const value = get('axis') ?? -1;
  const axis = Number(Array.isArray(value) ? value[0] : value);
  if (get('groups') === before.at(axis)) set('groups', outputShape.at(axis) as number);
}

function normalizedAxis(layer: LayerLowering, rank: number): number {
  const value = layer.fields.get('axis') ?? -1;
  const axis = Array.isArray(value) && value.length === 1 ? value[0] : value;
  if (typeof axis !== 'number' || !Number.isInteger(axis)) throw layer.fields.fault('axis', 'a whole number');
  return axis < 0 ? axis + rank : axis;
}

export const NORMALIZATION_LAYERS: readonly (readonly [string, LayerKind])[] = [
  ['BatchNormalization', unary(batchNormalization)],
  ['LayerNormalization', unary(layerNormalization)],
  ['GroupNormalization', unary(groupNormalization, patchGroupNormalization)],
];
