import { describe, expect, test } from 'vitest';
import type { Graph } from '../../../src/graph/graph.js';
import { ChannelAnalyzer, type ChannelUnit, relatedIndices } from '../../../src/pruning/tracer/index.js';
import { GraphSketch } from '../../support/graph-sketch.js';

/** `name: makers > readers` of every unit that can be pruned. */
function mutableUnits(graph: Graph, ignore: string[] = []): string[] {
  const { units } = new ChannelAnalyzer({ ignore }).analyze(graph);
  return units.filter((unit) => !unit.reason).map(describeUnit);
}

function describeUnit({ name, outputRelated, inputRelated }: ChannelUnit): string {
  const list = (related: ChannelUnit['outputRelated']) =>
    related.map(({ name: layer, start, end }) => `${layer}[${start},${end})`).join(' ');
  return `${name}: ${list(outputRelated)} > ${list(inputRelated)}`;
}

function frozenCodes(graph: Graph, ignore: string[] = []): Record<string, string> {
  const { unprunable } = new ChannelAnalyzer({ ignore }).analyze(graph);
  return Object.fromEntries(unprunable.map(({ layer, channels, code }) => [layer, `${channels} ${code}`]));
}

describe('units', () => {
  test('a plain stack: one unit for each layer but the last', () => {
    const s = new GraphSketch();
    const x = s.relu(s.batchNorm('bn', s.conv('a', s.input('x', 3, 8, 8), 8)));
    const graph = s.build(s.dense('head', s.globalPool(s.relu(s.conv('b', x, 16))), 10));
    expect(mutableUnits(graph)).toEqual([
      'a_(0, 8)_8: a[0,8) bn[0,8) > bn[0,8) b[0,8)',
      'b_(0, 16)_16: b[0,16) > head[0,16)',
    ]);
    expect(frozenCodes(graph)).toEqual({ head: '10 OUTPUT' });
  });

  test('the units that can not be pruned are listed with their reasons', () => {
    const s = new GraphSketch();
    const graph = s.build(s.conv('only', s.input('x', 3, 8, 8), 8));
    const { units } = new ChannelAnalyzer().analyze(graph);
    expect(units.map((unit) => [unit.name, unit.reason?.code])).toEqual([
      ['only_(0, 3)_3', 'INPUT'],
      ['only_(0, 8)_8', 'OUTPUT'],
    ]);
  });

  test('a residual sum couples its branches', () => {
    const s = new GraphSketch();
    const stem = s.conv('stem', s.input('x', 3, 8, 8), 8);
    const branch = s.batchNorm('bn2', s.conv('c2', s.relu(s.conv('c1', stem, 6)), 8));
    const graph = s.build(s.dense('head', s.globalPool(s.relu(s.op('Add', [stem, branch]))), 4));
    expect(mutableUnits(graph)).toEqual([
      'stem_(0, 8)_8: stem[0,8) c2[0,8) bn2[0,8) > c1[0,8) bn2[0,8) head[0,8)',
      'c1_(0, 6)_6: c1[0,6) > c2[0,6)',
    ]);
  });

  test('a layer that is cut in two has a unit for each part', () => {
    const s = new GraphSketch();
    const x = s.conv('a', s.input('x', 3, 8, 8), 8);
    const part = (start: number, end: number) => s.op('Slice', [x], { axes: [1], starts: [start], ends: [end] });
    const left = s.globalPool(s.conv('left', part(0, 3), 4));
    const graph = s.build(s.dense('l', left, 2), s.dense('r', s.globalPool(s.conv('right', part(3, 8), 4)), 2));
    expect(mutableUnits(graph).slice(0, 2)).toEqual([
      'a_(0, 3)_3: a[0,3) > left[0,3)',
      'a_(3, 8)_5: a[3,8) > right[0,5)',
    ]);
  });

  test('a part that is read beside the whole is a unit of its own, so that some of it stays', () => {
    const s = new GraphSketch();
    const x = s.conv('a', s.input('x', 3, 8, 8), 8);
    const part = s.op('Slice', [x], { axes: [1], starts: [0], ends: [3] });
    const both = s.globalPool(s.op('Concat', [part, x], { axis: 1 }));
    expect(mutableUnits(s.build(s.dense('head', both, 2)))).toEqual([
      'a_(0, 3)_3: a[0,3) > head[0,6)',
      'a_(3, 8)_5: a[3,8) > head[6,11)',
    ]);
  });

  test('an embedding makes channels; its rows stay', () => {
    const s = new GraphSketch();
    const ids = s.op('Cast', [s.input('x', 7)], { to: 'int32' });
    const graph = s.build(
      s.dense('head', s.globalPool(s.op('Transpose', [s.embedding('words', ids, 50, 8)], { perm: [0, 2, 1] })), 2),
    );
    expect(mutableUnits(graph)).toEqual(['words_(0, 8)_8: words[0,8) > head[0,8)']);
    const [rows] = new ChannelAnalyzer().analyze(graph).units;
    expect([rows.name, rows.reason?.code]).toEqual(['words_(0, 50)_50', 'INDEXED_AXIS']);
  });

  test('a sum with the input freezes', () => {
    const s = new GraphSketch();
    const x = s.input('x', 3, 8, 8);
    const sum = s.op('Add', [x, s.conv('c', x, 3)]);
    const graph = s.build(s.conv('out', sum, 2));
    expect(mutableUnits(graph)).toEqual([]);
    expect(frozenCodes(graph)).toEqual({ c: '3 INPUT', out: '2 OUTPUT' });
  });

  test('concatenation keeps its parts apart', () => {
    const s = new GraphSketch();
    const stem = s.conv('stem', s.input('x', 3, 8, 8), 8);
    const cat = s.op('Concat', [s.conv('a', stem, 6), s.conv('b', stem, 10)], { axis: 1 });
    const c = s.conv('c', s.relu(s.batchNorm('bn', cat)), 12);
    const d = s.conv('d', s.op('Concat', [stem, c], { axis: 1 }), 14);
    const graph = s.build(s.dense('fc', s.globalPool(d), 10));
    expect(mutableUnits(graph)).toEqual([
      'stem_(0, 8)_8: stem[0,8) > a[0,8) b[0,8) d[0,8)',
      'a_(0, 6)_6: a[0,6) bn[0,6) > bn[0,6) c[0,6)',
      'b_(0, 10)_10: b[0,10) bn[6,16) > bn[6,16) c[6,16)',
      'c_(0, 12)_12: c[0,12) > d[8,20)',
      'd_(0, 14)_14: d[0,14) > fc[0,14)',
    ]);
  });

  test('dense after a channels-first flatten reads each channel in a row', () => {
    const s = new GraphSketch();
    const graph = s.build(s.dense('fc', s.flatten(s.conv('c', s.input('x', 1, 2, 2), 3)), 5));
    const { units } = new ChannelAnalyzer().analyze(graph);
    const unit = units.find(({ name }) => name === 'c_(0, 3)_3')!;
    expect(describeUnit(unit)).toBe('c_(0, 3)_3: c[0,3) > fc[0,12)');
    expect([...relatedIndices(unit.inputRelated[0], 1)]).toEqual([4, 5, 6, 7]);
  });

  test('dense after a channels-last flatten reads each channel with a stride', () => {
    const s = new GraphSketch();
    const graph = s.build(s.dense('fc', s.flattenChannelsLast(s.conv('c', s.input('x', 1, 2, 2), 3)), 5));
    const { units } = new ChannelAnalyzer().analyze(graph);
    const unit = units.find(({ name }) => name === 'c_(0, 3)_3')!;
    expect(describeUnit(unit)).toBe('c_(0, 3)_3: c[0,3) > fc[0,12)');
    expect([...relatedIndices(unit.inputRelated[0], 1)]).toEqual([1, 4, 7, 10]);
  });

  test('a depthwise convolution passes its channels on', () => {
    const s = new GraphSketch();
    const stem = s.batchNorm('bn0', s.conv('stem', s.input('x', 3, 8, 8), 8));
    const pw1 = s.batchNorm('bn1', s.conv('pw1', stem, 24, { kernel: 1 }));
    const dw = s.batchNorm('bn2', s.conv('dw', pw1, 24, { group: 24 }));
    const pw2 = s.batchNorm('bn3', s.conv('pw2', dw, 8, { kernel: 1 }));
    const graph = s.build(s.dense('fc', s.globalPool(s.op('Add', [stem, pw2])), 10));
    expect(mutableUnits(graph)).toEqual([
      'stem_(0, 8)_8: stem[0,8) bn0[0,8) pw2[0,8) bn3[0,8) > bn0[0,8) pw1[0,8) bn3[0,8) fc[0,8)',
      'pw1_(0, 24)_24: pw1[0,24) bn1[0,24) dw[0,24) bn2[0,24) > bn1[0,24) dw[0,24) bn2[0,24) pw2[0,24)',
    ]);
  });

  test('a depth multiplier repeats each channel', () => {
    const s = new GraphSketch();
    const dw = s.conv('dw', s.conv('c', s.input('x', 3, 8, 8), 4), 8, { group: 4 });
    const graph = s.build(s.dense('fc', s.globalPool(dw), 10));
    const { units } = new ChannelAnalyzer().analyze(graph);
    const unit = units.find(({ name }) => name === 'c_(0, 4)_4')!;
    expect(describeUnit(unit)).toBe('c_(0, 4)_4: c[0,4) dw[0,8) > dw[0,4) fc[0,8)');
    expect([...relatedIndices(unit.outputRelated[1], 3)]).toEqual([6, 7]);
  });

  test('a grouped convolution couples the same position of every group', () => {
    const s = new GraphSketch();
    const c1 = s.batchNorm('bn', s.conv('c1', s.input('x', 3, 8, 8), 16));
    const g = s.batchNorm('bn2', s.conv('g', c1, 32, { group: 4 }));
    const graph = s.build(s.dense('fc', s.globalPool(s.conv('c2', g, 12, { kernel: 1 })), 10));
    const quarters = (layer: string, n: number) =>
      [0, 1, 2, 3].map((i) => `${layer}[${i * n},${(i + 1) * n})`).join(' ');
    expect(mutableUnits(graph)).toEqual([
      `c1_(0, 4)_4: ${quarters('c1', 4)} ${quarters('bn', 4)} > ${quarters('bn', 4)} ${quarters('g', 4)}`,
      `g_(0, 8)_8: ${quarters('g', 8)} ${quarters('bn2', 8)} > ${quarters('bn2', 8)} ${quarters('c2', 8)}`,
      'c2_(0, 12)_12: c2[0,12) > fc[0,12)',
    ]);
  });

  test('a shared layer stands once, and couples what goes into it', () => {
    const s = new GraphSketch();
    const x = s.input('x', 3, 8, 8);
    const first = s.conv('shared', s.conv('a', x, 6), 6);
    const second = s.again('shared', s.conv('b', x, 6));
    const graph = s.build(s.conv('out', s.op('Concat', [first, second], { axis: 1 }), 2));
    expect(mutableUnits(graph)).toEqual([
      'a_(0, 6)_6: a[0,6) b[0,6) > shared[0,6)',
      'shared_(0, 6)_6: shared[0,6) > out[0,6) out[6,12)',
    ]);
  });

  test('several outputs freeze what reaches them', () => {
    const s = new GraphSketch();
    const a = s.conv('a', s.input('x', 3, 8, 8), 6);
    const b = s.conv('b', a, 7);
    const graph = s.build(s.dense('head', s.globalPool(b), 4), b);
    expect(mutableUnits(graph)).toEqual(['a_(0, 6)_6: a[0,6) > b[0,6)']);
    expect(frozenCodes(graph)).toEqual({ head: '4 OUTPUT', b: '7 OUTPUT' });
  });

  test('a gate that multiplies channels joins the unit', () => {
    const s = new GraphSketch();
    const c1 = s.batchNorm('bn', s.conv('c1', s.input('x', 3, 8, 8), 16));
    const squeezed = s.op('GlobalAveragePool', [c1]);
    const gate = s.op('Sigmoid', [s.conv('fc2', s.relu(s.conv('fc1', squeezed, 4, { kernel: 1 })), 16, { kernel: 1 })]);
    const c2 = s.conv('c2', s.op('Mul', [c1, gate]), 12);
    const graph = s.build(s.dense('head', s.globalPool(c2), 10));
    expect(mutableUnits(graph)).toEqual([
      'c1_(0, 16)_16: c1[0,16) bn[0,16) fc2[0,16) > bn[0,16) fc1[0,16) c2[0,16)',
      'fc1_(0, 4)_4: fc1[0,4) > fc2[0,4)',
      'c2_(0, 12)_12: c2[0,12) > head[0,12)',
    ]);
  });

  test('an op without a channel rule freezes what it touches', () => {
    const s = new GraphSketch();
    const a = s.conv('a', s.input('x', 3, 8, 8), 6);
    const place = s.op('Cast', [s.op('ArgMax', [a], { axis: 2 })], { to: 'float32' });
    const graph = s.build(s.conv('out', s.conv('b', s.op('Mul', [a, place]), 5), 2));
    expect(mutableUnits(graph)).toEqual(['b_(0, 5)_5: b[0,5) > out[0,5)']);
    expect(frozenCodes(graph)).toMatchObject({ a: '6 OPAQUE_OP' });
  });

  test('a mean over the channels is marked as renormalised, one over planes is not', () => {
    const renormalised = (axes: number[]) => {
      const s = new GraphSketch();
      const a = s.conv('a', s.input('x', 3, 8, 8), 6);
      const gated = s.op('Mul', [a, s.op('ReduceMean', [a], { axes })]);
      const [, unit] = new ChannelAnalyzer().analyze(s.build(s.conv('out', gated, 2))).units;
      return [unit.name, unit.reason, unit.renormalised];
    };
    expect(renormalised([1])).toEqual(['a_(0, 6)_6', undefined, true]);
    expect(renormalised([2, 3])).toEqual(['a_(0, 6)_6', undefined, false]);
  });

  test('a softmax between layers is marked as renormalised', () => {
    const s = new GraphSketch();
    const a = s.op('Softmax', [s.conv('a', s.input('x', 3, 8, 8), 6)], { axis: 1 });
    const { units } = new ChannelAnalyzer().analyze(s.build(s.conv('out', a, 2)));
    expect(units.find(({ name }) => name === 'a_(0, 6)_6')).toMatchObject({ renormalised: true });
  });

  test('a layer that nothing with weights reads stays', () => {
    const s = new GraphSketch();
    const x = s.input('x', 3, 8, 8);
    s.conv('dead', x, 5);
    expect(frozenCodes(s.build(s.conv('out', x, 2)))).toMatchObject({ dead: '5 NO_CONSUMER' });
  });

  test('ignored layers stay, by glob', () => {
    const s = new GraphSketch();
    const a = s.conv('stem/a', s.input('x', 3, 8, 8), 6);
    const graph = s.build(s.conv('head/out', s.conv('stem/b', a, 5), 2));
    expect(mutableUnits(graph, ['stem/a'])).toEqual(['stem/b_(0, 5)_5: stem/b[0,5) > head/out[0,5)']);
    expect(frozenCodes(graph, ['stem/*'])).toEqual({
      'stem/a': '6 IGNORED',
      'stem/b': '5 IGNORED',
      'head/out': '2 OUTPUT',
    });
  });

  test('a layer of two convolutions is two producers under one name', () => {
    const s = new GraphSketch();
    const x = s.input('x', 3, 8, 8);
    const depthwise = s.builder.constant('dw', s.weights([4, 1, 3, 3]), 'parameter');
    const pointwise = s.builder.constant('pw', s.weights([4, 4, 1, 1]), 'parameter');
    const stem = s.op('Softmax', [s.conv('stem', x, 4)], { axis: 1 });
    const where = { layer: 'separable' };
    const dw = s.builder.op('Conv', [s.op('Softmax', [stem], { axis: 1 }), depthwise], { group: 4 }, where);
    const pw = s.builder.op('Conv', [dw, pointwise], {}, where);
    const units = mutableUnits(s.build(s.conv('out', pw, 2)));
    expect(units).toEqual([
      'stem_(0, 4)_4: stem[0,4) separable[0,4) > separable[0,4) separable[0,4)',
      'separable_(0, 4)_4: separable[0,4) > out[0,4)',
    ]);
  });

  test('names that would be equal get a number, and units that can be pruned keep the plain one', () => {
    const s = new GraphSketch();
    const a = s.conv('a', s.input('x', 3, 8, 8), 3);
    const first = s.builder.constant('w1', s.weights([3, 3, 1, 1]), 'parameter');
    const second = s.builder.constant('w2', s.weights([3, 3, 1, 1]), 'parameter');
    const where = { layer: 'twice' };
    const twice = s.builder.op('Conv', [s.builder.op('Conv', [a, first], {}, where), second], {}, where);
    const { units } = new ChannelAnalyzer().analyze(s.build(s.conv('out', twice, 2)));
    expect(units.map((unit) => `${unit.name} ${unit.reason?.code ?? 'free'}`)).toEqual([
      'a_(0, 3)_3#2 INPUT',
      'a_(0, 3)_3 free',
      'twice_(0, 3)_3 free',
      'twice_(0, 3)_3#2 free',
      'out_(0, 2)_2 OUTPUT',
    ]);
  });
});
