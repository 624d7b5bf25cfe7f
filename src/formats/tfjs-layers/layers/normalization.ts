import { getExtent } from '../../../graph/dims.js';
import type { Shape } from '../../../graph/graph.js';
import { show } from '../json.js';
import { type KerasTensor, type Layout, toChannelsFirst } from '../keras-tensor.js';
import { type LayerChange, type LayerKind, unary } from '../layer-kind.js';
import type { LayerLowering } from '../lowering.js';
import { AS_IS, type WeightLayout } from '../weight-layout.js';

function batchNormalization(input: KerasTensor, layer: LayerLowering): KerasTensor {
  const { fields } = layer;
  const rank = input.shape.length;
  const mode = fields.get('mode') ?? 0;
  if (mode !== 0) throw layer.unsupported(`its mode is ${show(mode)}; of those of Keras 1, 0 is supported`);
  const axis = normalizedAxis(layer, rank);
  // The last axis is at place 1 channels-first; axis 1 is there as declared.
  const layout = axis === rank - 1 ? 'channelsFirst' : 'declared';
  if (axis !== 1 && (axis < 2 || axis !== rank - 1))
    throw layer.unsupported(`it normalises axis ${axis} of rank ${rank}`);
  if (axis !== rank - 1) {
    layer.warn(
      'BACKEND_DIFFERS',
      `it normalises axis 1 of ${rank}, which the CPU and WASM backends of TensorFlow.js get wrong`,
    );
  }
  const channels = getExtent(input.shape, axis);
  const [scale, center] = scaleAndShift(layer, perChannel(channels));
  const mean = layer.weight('moving_mean', [channels], AS_IS, 'statistic');
  const variance = layer.weight('moving_variance', [channels], AS_IS, 'statistic');
  const attrs = { epsilon: fields.number('epsilon', 1e-3), momentum: fields.number('momentum', 0.99) };
  return layer.emit('BatchNormalization', [layer.in(input, layout), scale, center, mean, variance], attrs, layout);
}

/** How a norm's weights stand in the file and in the graph. */
interface NormWeights {
  readonly fileShape: Shape<number>;
  readonly shape: Shape<number>;
  readonly layout: WeightLayout;
}

/** The weights of a norm; those that the layer goes without are ones and zeros. */
function scaleAndShift(layer: LayerLowering, { fileShape, shape, layout }: NormWeights): [string, string] {
  const weight = (key: string, name: string, absent: number): string =>
    layer.fields.bool(key, true)
      ? layer.weight(name, fileShape, layout, 'parameter')
      : layer.filled(name, shape, absent);
  return [weight('scale', 'gamma', 1), weight('center', 'beta', 0)];
}

const perChannel = (channels: number): NormWeights => ({ fileShape: [channels], shape: [channels], layout: AS_IS });

/** Over some axes of each sample. Those are moved to the end where they don't stand there, and back. */
function layerNormalization(input: KerasTensor, layer: LayerLowering): KerasTensor {
  const { fields } = layer;
  const rank = input.shape.length;
  const value = fields.get('axis') ?? -1;
  const given = fields
    .tuple('axis', Array.isArray(value) ? value.length : 1, { min: -rank, fallback: -1 })
    .map((axis) => (axis < 0 ? axis + rank : axis));
  const axes = Array.from({ length: rank - 1 }, (_, i) => i + 1);
  const [normalized, others] = [true, false].map((is) => axes.filter((axis) => given.includes(axis) === is));
  if (normalized.length !== given.length) throw fields.fault('axis', `axes from 1 to ${rank - 1}, each once`);
  const weights = scaleAndShift(layer, {
    fileShape: given.map((axis) => getExtent(input.shape, axis)),
    shape: normalized.map((axis) => getExtent(input.shape, axis)),
    layout: axesInOrder(given.map((axis) => normalized.indexOf(axis))),
  });
  const attrs = { axis: 1 + others.length, epsilon: fields.number('epsilon', 1e-3) };
  const norm = (t: KerasTensor, layout: Layout) =>
    layer.emit('LayerNormalization', [layer.in(t, layout), ...weights], attrs, layout);
  const perm = [0, ...others, ...normalized];
  if (perm.every((axis, i) => axis === i)) return norm(input, 'declared');
  if (String(perm) === String(toChannelsFirst(rank))) return norm(input, 'channelsFirst');
  const moved = norm(layer.emit('Transpose', [layer.declared(input)], { perm }, 'declared'), 'declared');
  const back = perm.map((_, axis) => perm.indexOf(axis));
  return layer.emit('Transpose', [layer.declared(moved)], { perm: back }, 'declared');
}

/** Keras gives the weights' axes in the order of the config, and reads their numbers as if in that of the input. */
function axesInOrder(order: readonly number[]): WeightLayout {
  if (order.every((axis, i) => axis === i)) return AS_IS;
  return {
    toGraph: (t) => ({ ...t, shape: order.map((_, axis) => t.shape[order.indexOf(axis)]) }),
    toFile: (t) => ({ ...t, shape: order.map((axis) => t.shape[axis]) }),
  };
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
  const channels = getExtent(input.shape, axis);
  const groups = fields.int('groups', { min: -1, fallback: 32 });
  const inputs = [layer.in(input, layout), ...scaleAndShift(layer, perChannel(channels))];
  const epsilon = fields.number('epsilon', 1e-3);
  if (groups === -1 || groups === channels) return layer.emit('InstanceNormalization', inputs, { epsilon }, layout);
  if (groups < 1 || channels % groups !== 0) throw fields.fault('groups', `a divisor of ${channels} channels, or -1`);
  return layer.emit('GroupNormalization', inputs, { epsilon, num_groups: groups }, layout);
}

/** As many groups as channels stay as many. */
function patchGroupNormalization({ get, set, before, outputShape }: LayerChange): void {
  const value = get('axis') ?? -1;
  const axis = Number(Array.isArray(value) ? value[0] : value);
  if (get('groups') === before.at(axis)) set('groups', getExtent(outputShape, axis));
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
