import { type LayerKind, unary } from '../layer-kind.js';
import type { LayerLowering } from '../lowering.js';
import { type FeatureMap, featureMap } from './spatial.js';

/** As TensorFlow.js reads a place between two pixels: from the corner, without half a pixel's shift. */
const NEAREST = { mode: 'nearest', coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' } as const;
const BILINEAR = { mode: 'linear', coordinate_transformation_mode: 'asymmetric' } as const;

function upSampling(axes: number): LayerKind {
  return unary((input, layer) => {
    const size = layer.fields.tuple('size', axes, { min: 1, fallback: 2 });
    const interpolation = layer.fields.choice('interpolation', ['nearest', 'bilinear'], 'nearest');
    const { value, layout } = featureMap(input, layer, axes);
    const mode = interpolation === 'nearest' ? NEAREST : BILINEAR;
    return layer.emit('Resize', [value], { ...mode, scales: [1, 1, ...size] }, layout);
  });
}

function targetSize(layer: LayerLowering): number[] {
  return [layer.fields.int('height', { min: 1 }), layer.fields.int('width', { min: 1 })];
}

/** The middle of an image, as Keras and, where the margins are even, TensorFlow.js cut it out. */
const centerCrop: LayerKind = unary((input, layer) => {
  const size = targetSize(layer);
  const { value, layout, extents }: FeatureMap = featureMap(input, layer, 2);
  if (size.some((s, i) => s > extents[i])) {
    throw layer.unsupported(`it cuts [${size}] out of [${extents}]; enlarging is not supported`);
  }
  const begin = size.map((s, i) => Math.floor((extents[i] - s) / 2));
  const end = size.map((s, i) => extents[i] - s - begin[i]);
  const crop = (pads: readonly number[]): number[] => [0, 0, ...pads.map((p) => (p === 0 ? 0 : -p))];
  return layer.emit('Pad', [value], { pads: [...crop(begin), ...crop(end)] }, layout);
});

export const RESIZE_LAYERS: readonly (readonly [string, LayerKind])[] = [
  ...[1, 2, 3].map((axes) => [`UpSampling${axes}D`, upSampling(axes)] as const),
  ['CenterCrop', centerCrop],
];
