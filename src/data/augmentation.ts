import { elementCount, type Tensor, tensor } from '../graph/tensor.js';
import type { AugmentationConfig } from '../prune-config/resolved.js';
import type { LabelTarget } from './fit.js';
import type { ImagePlanes } from './image-planes.js';
import type { SeededRandom } from './random.js';
import { drawBeta } from './random-beta.js';
import type { Batch } from './split.js';

/** What one image goes through: cropped at an offset, then mirrored. */
interface Move {
  readonly down: number;
  readonly right: number;
  readonly mirrored: boolean;
  readonly upturned: boolean;
}

/** Changes a training batch; every draw comes from `random`, in the order of the samples. */
export type Augmenter = (batch: Batch, random: SeededRandom) => Batch;

/** @throws Error when the config asks for something that images or labels don't have; what is said fits a config error */
export function createAugmenter(
  config: AugmentationConfig,
  planes: ImagePlanes | undefined,
  targets: readonly LabelTarget[],
): Augmenter {
  const { horizontal_flip, vertical_flip, crop_padding, mixup } = config;
  const moves = horizontal_flip || vertical_flip || crop_padding > 0;
  if (moves && !planes) throw new Error('flips and crops take images: samples of [H, W], [H, W, C] or [C, H, W]');
  if (planes && crop_padding >= Math.min(planes.height, planes.width)) {
    const image = `${planes.height} by ${planes.width}`;
    throw new Error(
      `crop_padding ${crop_padding} must be less than the extents of an image, ${image}, or nothing of it may be left`,
    );
  }
  const maps = moves && planes ? targets.flatMap((target) => labelMap(target, planes, crop_padding > 0)) : [];
  return (batch, random) => {
    let { x } = batch;
    const labels = new Map(batch.labels);
    if (moves && planes) {
      const drawn = Array.from({ length: x.shape[0] }, () => drawMove(config, random));
      x = moved(x, planes, drawn, 0) as Tensor<'float32'>;
      for (const { output, planes: own, fill } of maps)
        labels.set(output, moved(labels.get(output)!, own, drawn, fill));
    }
    return mixup > 0 ? mixed({ x, labels }, mixup, random) : { x, labels };
  };
}

function drawMove(config: AugmentationConfig, random: SeededRandom): Move {
  const { crop_padding: padding } = config;
  const offset = () => (padding > 0 ? Math.floor(random() * (2 * padding + 1)) - padding : 0);
  const half = (asked: boolean) => asked && random() < 0.5;
  return {
    down: offset(),
    right: offset(),
    mirrored: half(config.horizontal_flip),
    upturned: half(config.vertical_flip),
  };
}

/** Labels that belong to pixels move with them. */
function labelMap({ output, kind, shape }: LabelTarget, image: ImagePlanes, crops: boolean) {
  const wide = shape.filter((extent) => extent !== 1);
  if (wide.length < 2) return [];
  const at = shape.findIndex((extent, i) => extent === image.height && shape[i + 1] === image.width);
  if (at < 0) {
    throw new Error(`flips and crops need labels of output ${output} at the image's extents, found [${shape}]`);
  }
  if (crops && kind !== 'index') throw new Error(`crops take class numbers of pixels; output ${output} has numbers`);
  const planes = { ...image, outer: elementCount(shape.slice(0, at)), inner: elementCount(shape.slice(at + 2)) };
  // Beyond the border there is no class.
  return [{ output, planes, fill: kind === 'index' ? -1 : 0 }];
}

function moved(t: Tensor, { outer, height, width, inner }: ImagePlanes, moves: readonly Move[], fill: number): Tensor {
  const from = t.data as Float32Array;
  const to = from.slice();
  let at = 0;
  for (const { down, right, mirrored, upturned } of moves) {
    for (let o = 0; o < outer; o++) {
      for (let row = 0; row < height; row++) {
        const y = (upturned ? height - 1 - row : row) + down;
        for (let column = 0; column < width; column++) {
          const x = (mirrored ? width - 1 - column : column) + right;
          const target = at + (row * width + column) * inner;
          if (y < 0 || y >= height || x < 0 || x >= width) to.fill(fill, target, target + inner);
          else for (let i = 0; i < inner; i++) to[target + i] = from[at + (y * width + x) * inner + i];
        }
      }
      at += height * width * inner;
    }
  }
  return { ...t, data: to } as Tensor;
}

/** mixup (Zhang et al. 2018): each sample with another of the batch, one share for all of them. */
function mixed({ x, labels }: Batch, alpha: number, random: SeededRandom): Batch {
  const share = drawBeta(alpha, random);
  const order = Uint32Array.from({ length: x.shape[0] }, (_, i) => i);
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  const mix = (t: Tensor): Tensor<'float32'> => {
    const row = elementCount(t.shape.slice(1));
    const data = t.data as Float32Array;
    const out = new Float32Array(data.length);
    for (let i = 0; i < out.length; i++) {
      const other = order[Math.floor(i / row)] * row + (i % row);
      out[i] = share * data[i] + (1 - share) * data[other];
    }
    return tensor('float32', t.shape, out);
  };
  return { x: mix(x), labels: new Map([...labels].map(([output, t]) => [output, mix(t)])) };
}
