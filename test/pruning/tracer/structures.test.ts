/** The structures of real networks: which units each has, which indices of which layers, and why the rest stays. */
import { describe, expect, test } from 'vitest';
import type { Graph } from '../../../src/graph/graph.js';
import { ChannelAnalyzer, type ChannelUnit, relatedIndices } from '../../../src/pruning/tracer/index.js';
import { GraphSketch } from '../../support/graph-sketch.js';

interface Found {
  /** Of every unit that can be pruned: `makers > readers`, each with the indices of channel 0 and of the last one. */
  readonly free: string[];
  /** Reason codes by layer. */
  readonly stays: Record<string, string>;
}

function analyzed(graph: Graph): Found {
  const { units, unprunable } = new ChannelAnalyzer().analyze(graph);
  return {
    free: units.filter(({ reason }) => !reason).map(describeUnit),
    stays: Object.fromEntries(unprunable.map(({ layer, channels, code }) => [layer, `${channels} ${code}`])),
  };
}

function describeUnit({ numChannels, outputRelated, inputRelated }: ChannelUnit): string {
  const list = (related: ChannelUnit['outputRelated']) =>
    related
      .map((layer) => `${layer.name} ${relatedIndices(layer, 0)}…${relatedIndices(layer, numChannels - 1)}`)
      .join(', ');
  return `${list(outputRelated)} > ${list(inputRelated)}`;
}

class Sketch extends GraphSketch {
  readonly image = this.input('x', 3, 4, 4);

  slice(x: string, axis: number, start: number, end: number): string {
    return this.op('Slice', [x], { axes: [axis], starts: [start], ends: [end] });
  }

  concat(parts: readonly string[], axis = 1): string {
    return this.op('Concat', parts, { axis });
  }

  reshape(x: string, ...shape: number[]): string {
    return this.op('Reshape', [x], { shape });
  }

  transpose(x: string, ...perm: number[]): string {
    return this.op('Transpose', [x], { perm });
  }

  rows(layer: string, x: string, units: number): string {
    const weight = this.literal(`${layer}.weight`, this.shape(x).at(-1)!, units);
    return this.op('Add', [this.op('MatMul', [x, weight], {}, layer), this.literal(`${layer}.bias`, units)]);
  }

  head(x: string): Graph {
    return this.build(this.dense('head', this.globalPool(x), 2));
  }
}

describe('joins and cuts', () => {
  test('C2f: two halves, a chain behind the second, all of it read by one layer', () => {
    const s = new Sketch();
    const start = s.conv('start', s.image, 8, { kernel: 1 });
    const [left, right] = [s.slice(start, 1, 0, 4), s.slice(start, 1, 4, 8)];
    const link = s.op('Add', [right, s.conv('b', s.conv('a', right, 6), 4)]);
    expect(analyzed(s.head(s.conv('end', s.concat([left, right, link]), 5)))).toEqual({
      free: [
        'start 0…3 > end 0…3',
        'start 4…7, b 0…3 > a 0…3, end 4…7, end 8…11',
        'a 0…5 > b 0…5',
        'end 0…4 > head 0…4',
      ],
      stays: { head: '2 OUTPUT' },
    });
  });

  test('CSP: two ways of their own widths, joined', () => {
    const s = new Sketch();
    const inner = s.conv('inner', s.conv('left', s.image, 4), 5);
    const graph = s.head(s.conv('end', s.concat([inner, s.conv('right', s.image, 3)]), 6));
    expect(analyzed(graph).free).toEqual([
      'left 0…3 > inner 0…3',
      'inner 0…4 > end 0…4',
      'right 0…2 > end 5…7',
      'end 0…5 > head 0…5',
    ]);
  });

  test('U-Net: what goes around and what comes up are units of their own', () => {
    const s = new Sketch();
    const around = s.conv('around', s.image, 4);
    const down = s.conv('down', s.op('MaxPool', [around], { kernel_shape: [2, 2], strides: [2, 2] }), 6);
    const up = s.convTranspose('up', down, 5, { stride: 2 });
    expect(analyzed(s.build(s.conv('out', s.concat([around, up]), 2)))).toEqual({
      free: ['around 0…3 > down 0…3, out 0…3', 'down 0…5 > up 0…5', 'up 0…4 > out 4…8'],
      stays: { out: '2 OUTPUT' },
    });
  });

  test('maps joined along a side of the planes share their channels', () => {
    const s = new Sketch();
    const both = s.concat([s.conv('a', s.image, 4), s.conv('b', s.image, 4)], 3);
    expect(analyzed(s.head(both)).free).toEqual(['a 0…3, b 0…3 > head 0…3']);
  });

  test('chunks in another order are read where they come to', () => {
    const s = new Sketch();
    const x = s.conv('a', s.image, 6);
    const [first, second, third] = [0, 2, 4].map((at) => s.slice(x, 1, at, at + 2));
    expect(analyzed(s.head(s.concat([third, first, second, first]))).free).toEqual([
      'a 0…1 > head 2,6…3,7',
      'a 2…3 > head 4…5',
      'a 4…5 > head 0…1',
    ]);
  });

  test('a gated linear unit couples its halves', () => {
    const s = new Sketch();
    const x = s.conv('a', s.image, 8);
    const gated = s.op('Mul', [s.slice(x, 1, 0, 4), s.op('Sigmoid', [s.slice(x, 1, 4, 8)])]);
    expect(analyzed(s.head(gated)).free).toEqual(['a 0…3, a 4…7 > head 0…3']);
  });

  test('every second channel: what such a slice takes apart stays, and says so', () => {
    const s = new Sketch();
    const x = s.conv('a', s.image, 4);
    const graph = s.head(s.op('Slice', [x], { axes: [1], starts: [0], ends: [4], steps: [2] }));
    expect(analyzed(graph)).toEqual({ free: [], stays: { a: '4 STRIDED_SLICE', head: '2 OUTPUT' } });
  });
});

describe('shuffles', () => {
  test('a channel shuffle couples the same position of every group, wherever it lands', () => {
    const s = new Sketch();
    const parts = s.reshape(s.conv('a', s.image, 6), 0, 2, 3, 4, 4);
    const shuffled = s.reshape(s.transpose(parts, 0, 2, 1, 3, 4), 0, 6, 4, 4);
    expect(analyzed(s.head(s.conv('b', shuffled, 4))).free).toEqual(['a 0…2, a 3…5 > b 0,1…4,5', 'b 0…3 > head 0…3']);
  });

  test('depth to space takes all places of a channel together, as PyTorch orders them and as TensorFlow does', () => {
    const crd = new Sketch();
    const columns = crd.reshape(crd.conv('a', crd.image, 12), 0, 3, 2, 2, 4, 4);
    const byColumns = crd.reshape(crd.transpose(columns, 0, 1, 4, 2, 5, 3), 0, 3, 8, 8);
    expect(analyzed(crd.head(crd.conv('b', byColumns, 4))).free[0]).toBe('a 0,1,2,3…8,9,10,11 > b 0…2');
    const dcr = new Sketch();
    const places = dcr.reshape(dcr.conv('a', dcr.image, 12), 0, 2, 2, 3, 4, 4);
    const byPlaces = dcr.reshape(dcr.transpose(places, 0, 3, 4, 1, 5, 2), 0, 3, 8, 8);
    expect(analyzed(dcr.head(dcr.conv('b', byPlaces, 4))).free[0]).toBe('a 0…2, a 3…5, a 6…8, a 9…11 > b 0…2');
  });

  test('space to depth gives each channel to all of its places', () => {
    const s = new Sketch();
    const parts = s.reshape(s.conv('a', s.image, 3), 0, 3, 2, 2, 2, 2);
    const deep = s.reshape(s.transpose(parts, 0, 1, 3, 5, 2, 4), 0, 12, 2, 2);
    expect(analyzed(s.head(s.conv('b', deep, 4))).free[0]).toBe('a 0…2 > b 0,1,2,3…8,9,10,11');
  });

  test("YOLO's first layer slices places, not channels", () => {
    const s = new Sketch();
    const x = s.conv('a', s.image, 3);
    const corner = (h: number, w: number) =>
      s.op('Slice', [x], { axes: [2, 3], starts: [h, w], ends: [4, 4], steps: [2, 2] });
    const deep = s.concat([corner(0, 0), corner(1, 0), corner(0, 1), corner(1, 1)]);
    expect(analyzed(s.head(s.conv('b', deep, 4))).free[0]).toBe('a 0…2 > b 0…2, b 3…5, b 6…8, b 9…11');
  });
});

describe('gates', () => {
  test('squeeze and excite by dense layers and a reshape', () => {
    const s = new Sketch();
    const x = s.conv('a', s.image, 6);
    const gate = s.op('Sigmoid', [s.dense('up', s.relu(s.dense('down', s.globalPool(x), 3)), 6)]);
    expect(analyzed(s.head(s.op('Mul', [x, s.reshape(gate, 0, 6, 1, 1)]))).free).toEqual([
      'a 0…5, up 0…5 > down 0…5, head 0…5',
      'down 0…2 > up 0…2',
    ]);
  });

  test('selective kernels: a softmax over two ways ties their channels and both halves of the scores', () => {
    const s = new Sketch();
    const ways = [s.conv('a', s.image, 4), s.conv('b', s.image, 4)];
    const squeezed = s.op('GlobalAveragePool', [s.op('Add', ways)]);
    const scores = s.reshape(s.conv('scores', squeezed, 8, { kernel: 1 }), 0, 2, 4, 1, 1);
    const weights = s.op('Softmax', [scores], { axis: 1 });
    const own = ways.map((way, i) => s.op('Mul', [way, s.reshape(s.slice(weights, 1, i, i + 1), 0, 4, 1, 1)]));
    expect(analyzed(s.head(s.op('Add', own))).free).toEqual([
      'a 0…3, b 0…3, scores 0…3, scores 4…7 > scores 0…3, head 0…3',
    ]);
  });

  test('a vector input conditions channels', () => {
    const s = new Sketch();
    const shift = s.reshape(s.dense('shift', s.input('time', 5), 4), 0, 4, 1, 1);
    const { free, stays } = analyzed(s.head(s.op('Add', [s.conv('a', s.image, 4), shift])));
    expect(free).toEqual(['shift 0…3, a 0…3 > head 0…3']);
    expect(stays).toEqual({ head: '2 OUTPUT' });
  });
});

describe('transformers', () => {
  test('the MLP of a ConvNeXt block: channels last, hidden channels and those of the block', () => {
    const s = new Sketch();
    const x = s.conv('a', s.image, 4);
    const rows = s.sampleNorm('LayerNormalization', 'norm', s.transpose(x, 0, 2, 3, 1), { axis: 3 });
    const hidden = s.op('Gelu', [s.rows('grow', rows, 8)]);
    const scaled = s.op('Mul', [s.rows('shrink', hidden, 4), s.literal('scale', 4)]);
    const graph = s.head(s.op('Add', [x, s.transpose(scaled, 0, 3, 1, 2)]));
    expect(analyzed(graph)).toEqual({
      free: ['a 0…3, norm 0…3, shrink 0…3 > norm 0…3, grow 0…3, head 0…3', 'grow 0…7 > shrink 0…7'],
      stays: { head: '2 OUTPUT' },
    });
    const [unit] = new ChannelAnalyzer().analyze(graph).units.filter(({ reason }) => !reason);
    expect(unit.renormalised).toBe(true);
  });

  test('attention: values go position by position of every head; queries and keys stay, as no layer reads them', () => {
    const s = new Sketch();
    const x = s.conv('a', s.image, 6);
    const tokens = s.transpose(s.reshape(x, 0, 6, 16), 0, 2, 1);
    const heads = (layer: string, ...perm: number[]) =>
      s.transpose(s.reshape(s.rows(layer, tokens, 6), 0, 16, 2, 3), ...perm);
    const scores = s.op('MatMul', [heads('q', 0, 2, 1, 3), heads('k', 0, 2, 3, 1)]);
    const mixed = s.op('MatMul', [s.op('Softmax', [scores], { axis: -1 }), heads('v', 0, 2, 1, 3)]);
    const out = s.rows('out', s.reshape(s.transpose(mixed, 0, 2, 1, 3), 0, 16, 6), 6);
    const sum = s.op('Add', [x, s.reshape(s.transpose(out, 0, 2, 1), 0, 6, 4, 4)]);
    expect(analyzed(s.head(sum))).toEqual({
      free: ['a 0…5, out 0…5 > q 0…5, k 0…5, v 0…5, head 0…5', 'v 0…2, v 3…5 > out 0…2, out 3…5'],
      stays: { q: '6 NO_CONSUMER', k: '6 NO_CONSUMER', head: '2 OUTPUT' },
    });
  });
});

describe('norms written out by exporters', () => {
  test('a group norm as an instance norm between reshapes: the same position of every group', () => {
    const s = new Sketch();
    const runs = s.reshape(s.conv('a', s.image, 6), 0, 2, 48);
    const own = s.reshape(s.sampleNorm('InstanceNormalization', 'norm', runs, {}), 0, 6, 4, 4);
    const graph = s.head(s.op('Mul', [own, s.literal('scale', 6, 1, 1)]));
    expect(analyzed(graph).free).toEqual(['a 0…2, a 3…5 > head 0…2, head 3…5']);
    const [unit] = new ChannelAnalyzer().analyze(graph).units.filter(({ reason }) => !reason);
    expect(unit.renormalised).toBe(true);
  });

  test('a layer norm by its means', () => {
    const s = new Sketch();
    const x = s.conv('a', s.image, 4);
    const mean = (value: string) => s.op('ReduceMean', [value], { axes: [1], keepdims: 1 });
    const centred = s.op('Sub', [x, mean(x)]);
    const normal = s.op('Div', [centred, s.op('Sqrt', [mean(s.op('Mul', [centred, centred]))])]);
    expect(analyzed(s.head(normal)).free).toEqual(['a 0…3 > head 0…3']);
  });
});

describe('heads', () => {
  test('detection: predictions stay, the necks before them go', () => {
    const s = new Sketch();
    const x = s.conv('backbone', s.image, 5);
    const predictions = [x, s.op('MaxPool', [x], { kernel_shape: [2, 2], strides: [2, 2] })].map((level, i) => {
      const raw = s.conv(`predict${i}`, s.conv(`neck${i}`, level, 4), 6, { kernel: 1 });
      const [, , height, width] = s.shape(raw);
      const apart = s.transpose(s.reshape(raw, 0, 2, 3, height, width), 0, 1, 3, 4, 2);
      return s.reshape(apart, 0, 2 * height * width, 3);
    });
    expect(analyzed(s.build(s.concat(predictions)))).toEqual({
      free: ['backbone 0…4 > neck0 0…4, neck1 0…4', 'neck0 0…3 > predict0 0…3', 'neck1 0…3 > predict1 0…3'],
      stays: { predict0: '6 OUTPUT', predict1: '6 OUTPUT' },
    });
  });

  test('a linear resize by matrices leaves the channels free for what flattens them', () => {
    const s = new Sketch();
    const matrix = s.builder.constant('matrix', s.weights([6, 4]), 'literal');
    const resized = s.op('MatMul', [matrix, s.conv('a', s.image, 3)]);
    const graph = s.build(s.dense('head', s.flatten(resized), 2));
    expect(analyzed(graph).stays).toEqual({ head: '2 OUTPUT' });
  });

  test('a nearest resize by a list of places does so too', () => {
    const s = new Sketch();
    const places = { dtype: 'int32', shape: [6], data: Int32Array.of(0, 0, 1, 2, 2, 3) } as const;
    const resized = s.op('Gather', [s.conv('a', s.image, 3), s.builder.constant('places', places, 'literal')], {
      axis: 2,
    });
    expect(analyzed(s.build(s.dense('head', s.flatten(resized), 2))).stays).toEqual({ head: '2 OUTPUT' });
  });

  test('several inputs and outputs: each way is found by itself', () => {
    const s = new Sketch();
    const joint = s.conv('joint', s.concat([s.conv('a', s.image, 4), s.conv('b', s.input('z', 2, 4, 4), 5)]), 6);
    const graph = s.build(s.dense('classes', s.globalPool(joint), 3), s.conv('mask', joint, 1));
    expect(analyzed(graph)).toEqual({
      free: ['a 0…3 > joint 0…3', 'b 0…4 > joint 4…8', 'joint 0…5 > classes 0…5, mask 0…5'],
      stays: { classes: '3 OUTPUT', mask: '1 OUTPUT' },
    });
  });
});
