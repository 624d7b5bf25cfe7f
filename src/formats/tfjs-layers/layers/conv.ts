import type { KerasTensor } from '../keras-tensor.js';
import { type LayerChange, type LayerKind, unary } from '../layer-kind.js';
import type { LayerLowering } from '../lowering.js';
import { AS_IS, DEPTHWISE, HWIO } from '../weight-layout.js';
import { activate } from './activation.js';
import { image, windowAttrs } from './spatial.js';

function conv2d(input: KerasTensor, layer: LayerLowering): KerasTensor {
  const { fields } = layer;
  const filters = fields.int('filters', { min: 1 });
  const group = fields.int('groups', { min: 1, fallback: 1 });
  const kernel = fields.pair('kernel_size', { min: 1 });
  const strides = fields.pair('strides', { min: 1, fallback: [1, 1] });
  const dilations = fields.pair('dilation_rate', { min: 1, fallback: [1, 1] });
  const { value, layout, channels, extents } = image(input, layer);
  if (channels % group !== 0 || filters % group !== 0) {
    throw fields.error(`${channels} channels and ${filters} filters do not split into ${group} groups`);
  }
  const inputs = [value, layer.weight('kernel', [...kernel, channels / group, filters], HWIO, 'parameter')];
  if (fields.bool('use_bias', true)) inputs.push(layer.weight('bias', [filters], AS_IS, 'parameter'));
  const attrs = { ...windowAttrs(layer, extents, { kernel, strides, dilations }), dilations, group };
  return activate(layer.emit('Conv', inputs, attrs, layout), layer);
}

function patchConv2d({ config, weightShape, group }: LayerChange): void {
  config.filters = weightShape('kernel')[3];
  if (config.groups !== undefined && config.groups !== null) config.groups = group;
}

function depthwiseConv2d(input: KerasTensor, layer: LayerLowering): KerasTensor {
  const { fields } = layer;
  const multiplier = fields.int('depth_multiplier', { min: 1, fallback: 1 });
  const kernel = fields.pair('kernel_size', { min: 1 });
  const strides = fields.pair('strides', { min: 1, fallback: [1, 1] });
  if (fields.pair('dilation_rate', { min: 1, fallback: [1, 1] }).some((d) => d !== 1)) {
    layer.warn('LAYER_FIELD_IGNORED', 'dilation_rate is not 1; TensorFlow.js computes as if it were');
  }
  const { value, layout, channels, extents } = image(input, layer);
  const outputs = channels * multiplier;
  const inputs = [value, layer.weight('depthwise_kernel', [...kernel, channels, multiplier], DEPTHWISE, 'parameter')];
  if (fields.bool('use_bias', true)) inputs.push(layer.weight('bias', [outputs], AS_IS, 'parameter'));
  const attrs = { ...windowAttrs(layer, extents, { kernel, strides, dilations: [1, 1] }), group: channels };
  return activate(layer.emit('Conv', inputs, attrs, layout), layer);
}

function patchDepthwise({ config, weightShape }: LayerChange): void {
  const multiplier = weightShape('depthwise_kernel')[3];
  if ((config.depth_multiplier ?? 1) !== multiplier) config.depth_multiplier = multiplier;
}

export const CONV_LAYERS: readonly (readonly [string, LayerKind])[] = [
  ['Conv2D', unary(conv2d, patchConv2d)],
  ['DepthwiseConv2D', unary(depthwiseConv2d, patchDepthwise)],
];
