import type { KerasTensor } from '../keras-tensor.js';
import { type LayerChange, type LayerKind, unary } from '../layer-kind.js';
import type { LayerLowering } from '../lowering.js';
import { DEPTHWISE, depthMultiplier } from '../weight-layout.js';
import { activate } from './activation.js';
import { kernelWeight } from './kernel.js';
import { type FeatureMap, featureMap, type Window, windowed } from './spatial.js';

function windowOf({ fields }: LayerLowering, axes: number): Window {
  return {
    kernel: fields.tuple('kernel_size', axes, { min: 1 }),
    strides: fields.tuple('strides', axes, { min: 1, fallback: 1 }),
    dilations: fields.tuple('dilation_rate', axes, { min: 1, fallback: 1 }),
  };
}

function conv(axes: number): LayerKind {
  return unary((input, layer) => {
    const { fields } = layer;
    const filters = fields.int('filters', { min: 1 });
    const group = fields.int('groups', { min: 1, fallback: 1 });
    const window = windowOf(layer, axes);
    const map = featureMap(input, layer, axes);
    const { layout, channels } = map;
    if (channels % group !== 0 || filters % group !== 0) {
      throw fields.error(`${channels} channels and ${filters} filters do not split into ${group} groups`);
    }
    const kernel = { name: 'kernel', filters, channels: channels / group, extents: window.kernel };
    const inputs = [kernelWeight(layer, kernel), ...layer.bias(filters)];
    const { value, attrs } = windowed(map, layer, window, axes === 1 ? ['valid', 'same', 'causal'] : undefined);
    const dilations = [...window.dilations];
    return activate(layer.emit('Conv', [value, ...inputs], { ...attrs, dilations, group }, layout), layer);
  }, patchConv);
}

function patchConv(change: LayerChange): void {
  change.set('filters', change.weight('kernel').shape[0]);
  if (change.get('groups') !== undefined) change.set('groups', change.group);
}

/** A depthwise convolution, whose outputs stand channel by channel. */
function depthwise(map: FeatureMap, layer: LayerLowering, window: Window, bias: (outputs: number) => string[]) {
  const { layout, channels } = map;
  // TensorFlow.js leaves it out when it saves a separable convolution.
  const stored = layer.storedShape('depthwise_kernel')?.at(-1);
  const multiplier = layer.fields.int('depth_multiplier', { min: 1, fallback: stored ?? 1 });
  const kernel = layer.weight('depthwise_kernel', [...window.kernel, channels, multiplier], DEPTHWISE, 'parameter');
  const { value, attrs } = windowed(map, layer, window);
  const inputs = [value, kernel, ...bias(channels * multiplier)];
  return layer.emit('Conv', inputs, { ...attrs, dilations: [...window.dilations], group: channels }, layout);
}

function depthwiseConv(axes: number): LayerKind {
  return unary((input, layer) => {
    const window = windowOf(layer, axes);
    if (window.dilations.some((d) => d !== 1)) {
      layer.warn('LAYER_FIELD_IGNORED', 'dilation_rate is not 1; TensorFlow.js computes as if it were');
    }
    const undilated = { ...window, dilations: window.dilations.map(() => 1) };
    const map = featureMap(input, layer, axes);
    return activate(
      depthwise(map, layer, undilated, (outputs) => layer.bias(outputs)),
      layer,
    );
  }, patchDepthwise);
}

function patchDepthwise(change: LayerChange): void {
  const multiplier = depthMultiplier(change.weight('depthwise_kernel').shape, change.group);
  if ((change.get('depth_multiplier') ?? 1) !== multiplier) change.set('depth_multiplier', multiplier);
}

function separableConv(axes: number): LayerKind {
  return unary(
    (input, layer) => {
      const filters = layer.fields.int('filters', { min: 1 });
      const map = featureMap(input, layer, axes);
      const spread: KerasTensor = depthwise(map, layer, windowOf(layer, axes), () => []);
      const { value, layout, channels } = featureMap(spread, layer, axes);
      const kernel = { name: 'pointwise_kernel', filters, channels, extents: map.extents.map(() => 1) };
      const inputs = [value, kernelWeight(layer, kernel), ...layer.bias(filters)];
      return activate(layer.emit('Conv', inputs, {}, layout), layer);
    },
    (change) => {
      patchDepthwise(change);
      change.set('filters', change.weight('pointwise_kernel').shape[0]);
    },
  );
}

export const CONV_LAYERS: readonly (readonly [string, LayerKind])[] = [
  ...[1, 2, 3].map((axes) => [`Conv${axes}D`, conv(axes)] as const),
  ...[1, 2].flatMap((axes) => [
    [`DepthwiseConv${axes}D`, depthwiseConv(axes)] as const,
    [`SeparableConv${axes}D`, separableConv(axes)] as const,
  ]),
];
