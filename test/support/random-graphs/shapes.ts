/** Steps that move elements about: windows, cuts, joins and shuffles. */
import { fitChannels } from './layers.js';
import { type Network, pick, type StepKind } from './network.js';

export const pool: StepKind = (net, x, { a, b }) => {
  const strides = b % 3 === 2 ? [2, 2] : [1, 1];
  return net.op(pick(['MaxPool', 'AveragePool'], a), [x], { kernel_shape: [2, 2], strides, pads: [0, 0, 1, 1] });
};

/** Planes, sometimes channels too; by constants, or by what is at the border. */
export const pad: StepKind = (net, x, { a, b, c }) => {
  const channels = b % 4 === 3 && net.mayWiden(x) ? 1 + (a % 2) : 0;
  // What reflects takes one less than there is.
  const least = Math.min(...net.shape(x).slice(channels > 0 ? 1 : 2));
  const mode = least > channels + 1 ? pick(['constant', 'constant', 'edge', 'reflect'], c) : 'constant';
  const grow = net.mayEnlarge(x) ? 1 : 0;
  return net.op('Pad', [x], { pads: [0, channels, grow, 0, 0, 0, 0, grow], value: pick([0, 0.5], a), mode });
};

export const crop: StepKind = (net, x, { a }) => {
  const [, , height, width] = net.shape(x);
  if (Math.min(height, width) < 3) return x;
  return net.slice(net.slice(x, 2, 1, height), 3, 0, pick([-1, width - 1], a));
};

/** To twice the size while planes are small, else to about the half. */
export const resize: StepKind = (net, x, { a, b }) => {
  const scale = net.mayEnlarge(x) ? 2 : 0.6;
  const attrs = { scales: [1, 1, scale, scale], mode: pick(['nearest', 'linear'], a), nearest_mode: 'floor' };
  const coordinate_transformation_mode = pick(['asymmetric', 'half_pixel', 'align_corners'], b);
  const [, , height, width] = net.shape(x);
  if (Math.min(height, width) < 2) return x;
  return net.op('Resize', [x], { ...attrs, coordinate_transformation_mode });
};

export const tile: StepKind = (net, x, { a }) => {
  const times = net.mayWiden(x) && a % 2 === 1 ? 2 : 1;
  return net.op('Tile', [x], { repeats: [1, times, 1, 1] });
};

export const swapPlanes: StepKind = (net, x) => net.transpose(x, 0, 1, 3, 2);

/** Channels cut in two: swapped, added, one gating the other, turned round, or only one part; parts read beside the whole. */
export const split: StepKind = (net, x, { a, b, c }) => {
  const channels = net.channels(x);
  if (channels < 2) return net.project(x, 4);
  const at = b % 3 === 0 ? Math.floor(channels / 2) : 1 + (c % (channels - 1));
  const first = net.slice(x, 1, 0, at);
  const second = net.slice(x, 1, at, channels);
  const like = fitChannels(net, second, at);
  return pick(
    [
      () => net.concat([second, first]),
      () => (net.mayWiden(x) ? net.concat([first, x]) : first),
      () => net.op('Add', [first, like]),
      () => net.op('Mul', [first, net.op('Sigmoid', [like])]),
      () => net.op('Slice', [x], { axes: [1], starts: [-1], ends: [-100], steps: [-1] }),
      () => second,
    ],
    a,
  )();
};

/** Three parts, some of them read by layers of their own, put together in another order. */
export const chunks: StepKind = (net, x, { a, b }) => {
  const channels = net.channels(x);
  if (channels % 3 !== 0) return net.project(x, 6);
  const size = channels / 3;
  const parts = [0, 1, 2].map((i) => net.slice(x, 1, i * size, (i + 1) * size));
  parts[a % 3] = net.sketch.conv(net.layer('chunk'), parts[a % 3], 2 + (b % 3));
  return net.concat(pick([parts, parts.toReversed(), [parts[1], parts[2]], [parts[2], parts[0], parts[0]]], b));
};

/** Every second channel: what such a slice takes stays. */
export const everySecond: StepKind = (net, x, { a }) =>
  net.channels(x) < 2 ? x : net.op('Slice', [x], { axes: [1], starts: [a % 2], ends: [net.channels(x)], steps: [2] });

/** Channels in an order of their own: what indices point into stays. */
export const gathered: StepKind = (net, x, { a }) => {
  const channels = net.channels(x);
  const order = Int32Array.from({ length: channels }, (_, i) => (i * (a + 1)) % channels);
  const indices = { dtype: 'int32', shape: [channels], data: order } as const;
  return net.op('Gather', [x, net.sketch.builder.constant(net.layer('order'), indices, 'literal')], { axis: 1 });
};

function fitting(net: Network, x: string, axis: number): string[] {
  const own = net.shape(x);
  return net.others(x, (shape) => shape.every((extent, i) => i === axis || extent === own[i]));
}

/** With one or two others, or itself, on any axis. */
export const concat: StepKind = (net, x, { a, b, c }) => {
  const axis = pick([1, 1, 2, 3], a);
  const larger = axis === 1 ? net.mayWiden(x) : net.mayEnlarge(x);
  if (!larger) return net.project(x, 4);
  const others = fitting(net, x, axis).filter((map) => (axis === 1 ? net.mayWiden(map) : net.mayEnlarge(map)));
  const parts = [x, others.length > 0 ? pick(others, b) : x];
  if (c % 4 === 3 && axis === 1 && net.mayWiden(x, 3)) parts.push(x);
  return net.concat(c % 2 === 0 ? parts : parts.toReversed(), axis);
};

/** Shuffles channels as ShuffleNet does: `[C]` to `[G, K]`, transposed, and back. */
export const shuffle: StepKind = (net, x, { a }) => {
  const [, channels, height, width] = net.shape(x);
  const groups = [2, 3, 4].filter((g) => channels % g === 0);
  if (groups.length === 0) return net.project(x, 6);
  const group = pick(groups, a);
  const parts = net.reshape(x, 0, group, channels / group, height, width);
  return net.reshape(net.transpose(parts, 0, 2, 1, 3, 4), 0, channels, height, width);
};

/** Depth to space, by columns and rows of channels or the other way round. */
export const pixelShuffle: StepKind = (net, x, { a }) => {
  const [, channels, height, width] = net.shape(x);
  if (!net.mayEnlarge(x)) return net.project(x, 3);
  const own = channels % 4 === 0 ? x : net.project(x, 8);
  const depth = net.channels(own) / 4;
  const spread =
    a % 2 === 0
      ? net.transpose(net.reshape(own, 0, depth, 2, 2, height, width), 0, 1, 4, 2, 5, 3)
      : net.transpose(net.reshape(own, 0, 2, 2, depth, height, width), 0, 3, 4, 1, 5, 2);
  return net.reshape(spread, 0, depth, 2 * height, 2 * width);
};

/** Space to depth, by reshapes or (as YOLO's first layer) by slices; channel by channel or place by place. */
export const pixelUnshuffle: StepKind = (net, x, { a }) => {
  const [, channels, height, width] = net.shape(x);
  if (height % 2 !== 0 || width % 2 !== 0 || !net.mayWiden(x, 4)) return net.project(x, 3);
  if (a % 3 === 2) {
    const corner = (y: number, z: number) =>
      net.op('Slice', [x], { axes: [2, 3], starts: [y, z], ends: [height, width], steps: [2, 2] });
    return net.concat([corner(0, 0), corner(1, 0), corner(0, 1), corner(1, 1)]);
  }
  const parts = net.reshape(x, 0, channels, height / 2, 2, width / 2, 2);
  const order = a % 3 === 0 ? [0, 1, 3, 5, 2, 4] : [0, 3, 5, 1, 2, 4];
  return net.reshape(net.transpose(parts, ...order), 0, 4 * channels, height / 2, width / 2);
};

/** The channels in two (or three) groups: their mean, their maximum, or their mean by the weights of a softmax over groups. */
export const groupMix: StepKind = (net, x, { a, b }) => {
  const [, channels, height, width] = net.shape(x);
  const group = [2, 3].find((g) => channels % g === 0);
  if (!group) return net.project(x, 4);
  const axis = 1 + (b % 2);
  const shape = axis === 1 ? [group, channels / group] : [channels / group, group];
  const parts = net.reshape(x, 0, ...shape, height, width);
  const mix = (values: string, op: string) => net.op(op, [values], { axes: [axis], keepdims: 0 });
  if (a % 3 < 2) return mix(parts, pick(['ReduceMean', 'ReduceMax'], a));
  return mix(net.op('Mul', [parts, net.op('Softmax', [parts], { axis })]), 'ReduceSum');
};
