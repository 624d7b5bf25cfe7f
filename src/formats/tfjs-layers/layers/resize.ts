import type { KerasTensor } from '../keras-tensor.js';
import { type LayerKind, unary } from '../layer-kind.js';
import type { LayerLowering } from '../lowering.js';
import { type FeatureMap, featureMap } from './spatial.js';

/** As TensorFlow.js reads a place between two pixels: from the corner, without half a pixel's shift. */
const NEAREST = { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' } as const;
const BILINEAR = { mode: 'linear', coordinate_transformation_mode: 'asymmetric' } as const;
/** As Keras reads a place between two pixels when it resizes to a size: between their centers. */
const CENTERS = {
  nearest: { mode: 'nearest', coordinate_transformation_mode: 'half_pixel', nearest_mode: 'round_prefer_ceil' },
  bilinear: { mode: 'linear', coordinate_transformation_mode: 'half_pixel' },
} as const;

function upSampling(axes: number): LayerKind {
  return unary((input, layer) => {
    const size = layer.fields.tuple('size', axes, { min: 1, fallback: 2 });
    const interpolation = layer.fields.choice('interpolation', ['nearest', 'bilinear'], 'nearest');
    const { value, layout } = featureMap(input, layer, axes);
    const mode = interpolation === 'nearest' ? NEAREST : BILINEAR;
    return layer.emit('Resize', [value], { ...mode, scales: [1, 1, ...size] }, layout);
  });
}

/** Fields that are true where a layer does more than resize. */
const MORE_THAN_RESIZING = ['crop_to_aspect_ratio', 'pad_to_aspect_ratio', 'antialias'];

/** To a size, as Keras does; the layer of TensorFlow.js fails when it is called. */
function resizing(input: KerasTensor, layer: LayerLowering): KerasTensor {
  const size = targetSize(layer);
  const interpolation = layer.fields.choice('interpolation', ['nearest', 'bilinear'], 'bilinear');
  const asked = MORE_THAN_RESIZING.find((key) => layer.fields.bool(key, false));
  if (asked) throw layer.unsupported(`${asked} is true; a layer that resizes, and no more, is supported`);
  const { value, layout, extents } = featureMap(input, layer, 2);
  const scales = [1, 1, ...size.map((s, i) => s / extents[i])];
  return layer.emit('Resize', [value], { ...CENTERS[interpolation], scales }, layout);
}

function targetSize(layer: LayerLowering): number[] {
  return [layer.fields.int('height', { min: 1 }), layer.fields.int('width', { min: 1 })];
}

/** Whether TensorFlow.js, which samples a box of the image, comes to the `size` pixels from `begin` on. */
function cutsThere(extent: number, size: number, begin: number, isWidth: boolean): boolean {
  const start = isWidth && begin === 0 && extent !== size ? 1 : begin;
  const last = (extent - 1) / extent;
  const place = (i: number): number => (size > 1 ? start + (i * size) / (size - 1) : start + size / 2) * last;
  return Array.from({ length: size }, (_, i) => Math.round(place(i)) === begin + i).every(Boolean);
}

/** The middle of an image, as Keras cuts it out. */
const centerCrop: LayerKind = unary((input, layer) => {
  const size = targetSize(layer);
  const { value, layout, extents }: FeatureMap = featureMap(input, layer, 2);
  if (size.some((s, i) => s > extents[i])) {
    throw layer.unsupported(`it cuts [${size}] out of [${extents}]; enlarging is not supported`);
  }
  const begin = size.map((s, i) => Math.floor((extents[i] - s) / 2));
  if (size.some((s, i) => !cutsThere(extents[i], s, begin[i], i === 1))) {
    layer.warn(
      'BACKEND_DIFFERS',
      `it cuts [${size}] out of [${extents}], where TensorFlow.js takes other pixels than the middle ones`,
    );
  }
  const end = size.map((s, i) => extents[i] - s - begin[i]);
  const crop = (pads: readonly number[]): number[] => [0, 0, ...pads.map((p) => (p === 0 ? 0 : -p))];
  return layer.emit('Pad', [value], { pads: [...crop(begin), ...crop(end)] }, layout);
});

export const RESIZE_LAYERS: readonly (readonly [string, LayerKind])[] = [
  ...[1, 2, 3].map((axes) => [`UpSampling${axes}D`, upSampling(axes)] as const),
  ['CenterCrop', centerCrop],
  ['Resizing', unary(resizing)],
];
