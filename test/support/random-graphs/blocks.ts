/** Blocks: structures with steps inside. A body changes shapes as it likes; what has to fit again is made to. */
import { fitChannels } from './layers.js';
import { type Network, pick, type StepKind } from './network.js';

/** The map at the planes of another: resized to them, or cut. */
function fitPlanes(net: Network, x: string, like: string): string {
  const [, , height, width] = net.shape(like);
  const [, , ownHeight, ownWidth] = net.shape(x);
  if (height === ownHeight && width === ownWidth) return x;
  const scales = [1, 1, (height + 0.01) / ownHeight, (width + 0.01) / ownWidth];
  return net.op('Resize', [x], {
    scales,
    mode: 'nearest',
    coordinate_transformation_mode: 'asymmetric',
    nearest_mode: 'floor',
  });
}

/** A sum with what goes around, before or after an activation. */
export const residual: StepKind = (net, x, { a, body }) => {
  const inner = net.chain(body, x);
  const fitted = fitChannels(net, fitPlanes(net, inner, x), net.channels(x));
  const total = net.op('Add', [fitted, x]);
  return a % 2 === 0 ? total : net.op('Relu', [total]);
};

/** Each step of the body by itself on the same map; their results are concatenated (Inception) or summed. */
export const branches: StepKind = (net, x, { a, body }) => {
  const ends = [x, ...body.map((step) => fitPlanes(net, net.apply(step, x), x))];
  if (a % 2 === 1) return ends.map((end) => fitChannels(net, end, 5)).reduce((p, q) => net.op('Add', [p, q]));
  return narrowed(net, net.concat(ends));
};

/** Every step reads all before it (DenseNet). */
export const denseBlock: StepKind = (net, x, { body }) => {
  let all = x;
  for (const step of body) {
    const grown = fitPlanes(net, net.apply(step, all), x);
    all = narrowed(net, net.concat([all, grown]));
  }
  return all;
};

/** YOLO's C2f: split in two, a chain behind the second part, all of it concatenated; with sums around the links or not. */
export const c2f: StepKind = (net, x, { a, b, body }) => {
  const start = net.sketch.conv(net.layer('c2f'), x, 6, { kernel: 1 });
  const parts = [net.slice(start, 1, 0, 3), net.slice(start, 1, 3, 6)];
  for (const step of body) {
    const before = parts[parts.length - 1];
    const link = fitChannels(net, fitPlanes(net, net.apply(step, before), before), 3);
    parts.push(a % 2 === 0 ? link : net.op('Add', [link, before]));
  }
  return net.project(net.concat(parts), 3 + (b % 5));
};

/** Cross stage partial: two narrow ways, one through the body, concatenated; or the halves of one. */
export const csp: StepKind = (net, x, { a, b, body }) => {
  const wide = a % 2 === 0 ? undefined : net.project(x, 8);
  const [left, right] = wide
    ? [net.slice(wide, 1, 0, 4), net.slice(wide, 1, 4, 8)]
    : [net.project(x, 4), net.project(x, 3)];
  return net.project(net.concat([fitPlanes(net, net.chain(body, left), x), right]), 3 + (b % 5));
};

/** Down, the body, up again, and what went in beside it. */
export const uNet: StepKind = (net, x, { a, b, body }) => {
  const [, , height, width] = net.shape(x);
  if (height < 2 || width < 2) return residual(net, x, { kind: 'residual', from: 0, a, b, c: 0, body });
  const down = net.op(pick(['MaxPool', 'AveragePool'], a), [x], { kernel_shape: [2, 2], strides: [2, 2] });
  const inner = net.chain(body, net.sketch.conv(net.layer('down'), down, 5));
  const up = b % 2 === 0 ? inner : net.sketch.convTranspose(net.layer('up'), inner, 4, { stride: 2 });
  const joined = net.concat([x, fitPlanes(net, up, x)]);
  return a % 3 === 2 ? narrowed(net, joined) : net.sketch.conv(net.layer('join'), joined, 4 + (b % 4));
};

/** ShuffleNet's unit: half of the channels through the body, then the halves are interleaved. */
export const shuffleUnit: StepKind = (net, x, { a, body }) => {
  const even = fitChannels(net, x, 8);
  const halves = [net.slice(even, 1, 0, 4), net.slice(even, 1, 4, 8)];
  const inner = fitChannels(net, fitPlanes(net, net.chain(body, halves[1]), x), 4);
  const [, , height, width] = net.shape(x);
  const shape = [a % 2 === 0 ? 2 : 4, a % 2 === 0 ? 4 : 2];
  const parts = net.reshape(net.concat([halves[0], inner]), 0, ...shape, height, width);
  return net.reshape(net.transpose(parts, 0, 2, 1, 3, 4), 0, 8, height, width);
};

/** Two ways weighed against each other, channel by channel, by a softmax over the ways (SKNet, ResNeSt). */
export const selective: StepKind = (net, x, { body }) => {
  const channels = net.channels(x);
  const other = fitChannels(net, fitPlanes(net, net.chain(body, x), x), channels);
  const squeezed = net.op('GlobalAveragePool', [net.op('Add', [x, other])]);
  const scores = net.project(net.op('Relu', [net.project(squeezed, 3)]), 2 * channels);
  const weights = net.op('Softmax', [net.reshape(scores, 0, 2, channels, 1, 1)], { axis: 1 });
  const ways = [x, other].map((way, i) => {
    const own = net.reshape(net.slice(weights, 1, i, i + 1), 0, channels, 1, 1);
    return net.op('Mul', [way, own]);
  });
  return net.op('Add', ways);
};

/** ConvNeXt's block: channels last, a layer norm, two dense layers and a scale for each channel; the body comes before. */
export const mlp: StepKind = (net, x, { a, b, body }) => {
  const inner = fitChannels(net, fitPlanes(net, net.chain(body, x), x), net.channels(x));
  const rows = net.transpose(inner, 0, 2, 3, 1);
  const normal = net.sketch.sampleNorm('LayerNormalization', net.layer('norm'), rows, { axis: 3, epsilon: 0.125 });
  const hidden = net.op('Gelu', [net.dense(normal, 2 + (a % 7))]);
  const scale = net.sketch.literal(net.layer('scale'), net.channels(x));
  const columns = net.transpose(net.op('Mul', [net.dense(hidden, net.channels(x)), scale]), 0, 3, 1, 2);
  return b % 3 === 2 ? columns : net.op('Add', [x, columns]);
};

/**
 * Attention over all places, with heads: queries, keys and values from one dense layer or from three; channels are split
 * into heads by a reshape. The body comes before.
 */
export const attention: StepKind = (net, x, { a, b, c, body }) => {
  const inner = fitChannels(net, fitPlanes(net, net.chain(body, x), x), net.channels(x));
  const [, channels, height, width] = net.shape(inner);
  const places = height * width;
  const tokens = net.transpose(net.reshape(inner, 0, channels, places), 0, 2, 1);
  const [heads, size] = [1 + (a % 3), 2 + (b % 2)];
  const all = heads * size;
  const split = (value: string, ...perm: number[]) =>
    net.transpose(net.reshape(value, 0, places, heads, size), ...perm);
  let qkv: string[];
  if (c % 3 === 0) qkv = [0, 1, 2].map(() => net.dense(tokens, all));
  else {
    const joint = net.dense(tokens, 3 * all);
    if (c % 3 === 1) qkv = [0, 1, 2].map((i) => net.slice(joint, 2, i * all, (i + 1) * all));
    else {
      const parts = net.transpose(net.reshape(joint, 0, places, 3, heads, size), 2, 0, 3, 1, 4);
      qkv = [0, 1, 2].map((i) =>
        net.reshape(
          net.transpose(net.reshape(net.slice(parts, 0, i, i + 1), -1, heads, places, size), 0, 2, 1, 3),
          -1,
          places,
          all,
        ),
      );
    }
  }
  const [q, k, v] = qkv;
  const scores = net.op('MatMul', [split(q, 0, 2, 1, 3), split(k, 0, 2, 3, 1)]);
  const weights = net.op('Softmax', [net.op('Mul', [scores, net.scalar(0.5)])], { axis: -1 });
  const mixed = net.transpose(net.op('MatMul', [weights, split(v, 0, 2, 1, 3)]), 0, 2, 1, 3);
  const out = net.dense(net.reshape(mixed, 0, places, all), channels);
  return net.op('Add', [x, net.reshape(net.transpose(out, 0, 2, 1), 0, channels, height, width)]);
};

/** Channels attend to channels, by their products over all places. */
export const channelAttention: StepKind = (net, x, { body }) => {
  const inner = net.chain(body, x);
  const [, channels, height, width] = net.shape(inner);
  const rows = net.reshape(inner, 0, channels, height * width);
  const scores = net.op('MatMul', [rows, net.transpose(rows, 0, 2, 1)]);
  const weights = net.op('Softmax', [net.op('Tanh', [scores])], { axis: -1 });
  return net.reshape(net.op('MatMul', [weights, rows]), 0, channels, height, width);
};

/** Wide maps go on narrower. */
function narrowed(net: Network, x: string): string {
  return net.mayWiden(x, 1) ? x : net.project(x, 6);
}
