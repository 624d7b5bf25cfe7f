/** Steps with weights of their own. */
import { type Network, pick, type StepKind } from './network.js';

const CONVOLUTIONS = [
  { kernel: 1 },
  { kernel: 3 },
  { kernel: 3, dilation: 2, pad: 2 },
  { kernel: 3, bias: false },
  { kernel: 3, stride: 2 },
];

export const conv: StepKind = (net, x, { a, b }) => {
  const layer = net.layer('conv');
  const options = pick(CONVOLUTIONS, b);
  if (options === CONVOLUTIONS[1]) net.shared.push({ layer, channels: net.channels(x) });
  return net.sketch.conv(layer, x, 2 + (a % 7), options);
};

/** With a depth multiplier. */
export const depthwise: StepKind = (net, x, { a }) => {
  const channels = net.channels(x);
  const multiplier = net.mayWiden(x, 3) ? 1 + (a % 3) : 1;
  return net.sketch.conv(net.layer('dw'), x, channels * multiplier, { group: channels });
};

export const grouped: StepKind = (net, x, { a, b }) => {
  const groups = [2, 3, 4].filter((g) => net.channels(x) % g === 0);
  if (groups.length === 0) return net.project(x, 6);
  const group = pick(groups, a);
  return net.sketch.conv(net.layer('group'), x, group * (1 + (b % 4)), { group });
};

/** Plain, grouped or depthwise; once the planes are halved, back to twice their size. */
export const transposed: StepKind = (net, x, { a, b }) => {
  const channels = net.channels(x);
  const group = pick(
    [1, 2, 3, channels].filter((g) => channels % g === 0),
    a,
  );
  const perGroup = 1 + (b % Math.max(1, Math.floor(6 / group)));
  return net.sketch.convTranspose(net.layer('up'), x, group * perGroup, { group, stride: net.mayEnlarge(x) ? 2 : 1 });
};

export const batchNorm: StepKind = (net, x) => net.sketch.batchNorm(net.layer('bn'), x);

/**
 * Layer norm of the whole sample or (as channels-last networks have it) of the channels; group and instance norm.
 * Epsilon is not too small, or a run of nearly equal numbers magnifies the order in which they are summed; a power of 2, or
 * float32, as which the masked graph holds it, rounds it.
 */
export const sampleNorm: StepKind = (net, x, { a, b }) => {
  const { sketch } = net;
  const layer = net.layer('norm');
  const epsilon = 0.125;
  const channels = net.channels(x);
  const groups = [1, 2, 3, 4, channels].filter((g) => channels % g === 0);
  return pick(
    [
      () => sketch.sampleNorm('LayerNormalization', layer, x, { axis: 1, epsilon }),
      () => {
        const rows = net.transpose(x, 0, 2, 3, 1);
        return net.transpose(sketch.sampleNorm('LayerNormalization', layer, rows, { axis: 3, epsilon }), 0, 3, 1, 2);
      },
      () => sketch.sampleNorm('GroupNormalization', layer, x, { num_groups: pick(groups, b), epsilon }),
      () => sketch.sampleNorm('InstanceNormalization', layer, x, { epsilon }),
    ],
    a,
  )();
};

/**
 * Norms as exporters write them out: a group norm as an instance norm of groups between reshapes, with a scale and a shift
 * of each channel behind it; a layer norm of the channels by its means.
 */
export const writtenOutNorm: StepKind = (net, x, { a, b }) => {
  const [, channels, height, width] = net.shape(x);
  const vector = (what: string) => net.sketch.literal(net.layer(what), channels, 1, 1);
  let normal: string;
  if (a % 3 < 2) {
    const groups = pick(
      [1, 2, 3, 4].filter((g) => channels % g === 0),
      b,
    );
    const runs = a % 3 === 0 ? [(channels / groups) * height * width] : [channels / groups, height, width];
    const layer = net.layer('instances');
    const own = net.sketch.sampleNorm('InstanceNormalization', layer, net.reshape(x, 0, groups, ...runs), {
      epsilon: 0.125,
    });
    normal = net.reshape(own, 0, channels, height, width);
  } else {
    const centred = net.op('Sub', [x, net.op('ReduceMean', [x], { axes: [1], keepdims: 1 })]);
    const squared = net.op(
      pick(['Mul', 'Pow'], b),
      b % 2 === 0 ? [centred, centred] : [centred],
      b % 2 === 0 ? {} : { exponent: 2 },
    );
    const variance = net.op('ReduceMean', [squared], { axes: [1], keepdims: 1 });
    normal = net.op('Div', [centred, net.op('Sqrt', [net.op('Add', [variance, net.scalar(0.125)])])]);
  }
  return net.op('Add', [net.op('Mul', [normal, vector('scale')]), vector('shift')]);
};

/** A PRelu with one slope, one a channel, or one an element. */
export const slopes: StepKind = (net, x, { a }) => {
  const [, channels, height, width] = net.shape(x);
  const shape = pick([[1], [channels, 1, 1], [1, height, width], [channels, height, width]], a);
  const layer = net.layer('prelu');
  return net.op('PRelu', [x, net.sketch.literal(`${layer}.slope`, ...shape)], {}, layer);
};

/** A layer that stands elsewhere too. */
export const sharedLayer: StepKind = (net, x, { a }) => {
  const fitting = net.shared.filter(({ channels }) => channels === net.channels(x));
  return fitting.length > 0 ? net.sketch.again(pick(fitting, a).layer, x) : conv(net, x, { ...STEP, b: 1 });
};

/** A layer applied to two maps, side by side as in a siamese network. */
export const siamese: StepKind = (net, x, { a, b }) => {
  const [, channels, height, width] = net.shape(x);
  const twins = net.others(x, ([, c, h, w]) => c === channels && h === height && w === width);
  const first = conv(net, x, { ...STEP, a, b: 1 });
  if (twins.length === 0) return first;
  const { layer } = net.shared[net.shared.length - 1];
  const second = net.sketch.again(layer, pick(twins, b));
  return net.mayWiden(first) ? net.concat([first, second]) : net.op('Add', [first, second]);
};

/** The first channel of the first input, scaled and cut to whole numbers, looked up in a table. */
export const embedding: StepKind = (net, _x, { a }) => {
  const [, , height, width] = net.shape(net.source);
  const whole = net.op('Cast', [net.op('Mul', [net.slice(net.source, 1, 0, 1), net.scalar(3)])], { to: 'int32' });
  const ids = net.reshape(whole, 0, height, width);
  return net.transpose(net.sketch.embedding(net.layer('embedding'), ids, 5, 2 + (a % 5)), 0, 3, 1, 2);
};

/** What a vector input comes to, added to or multiplied with every place: a condition (FiLM, a time embedding). */
export const condition: StepKind = (net, x, { a }) => {
  const channels = net.channels(x);
  const dense = net.sketch.dense(net.layer('condition'), net.vector(), channels);
  return net.op(pick(['Add', 'Mul'], a), [x, net.reshape(dense, 0, channels, 1, 1)]);
};

const STEP = { kind: 'conv', from: 0, a: 4, b: 0, c: 0, body: [] };

/** Gives the map these many channels where it has not. */
export function fitChannels(net: Network, x: string, channels: number): string {
  return net.channels(x) === channels ? x : net.project(x, channels);
}
