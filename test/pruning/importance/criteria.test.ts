/** What criteria make of small layers whose numbers can be checked by hand. */
import { expect, test } from 'vitest';
import type { Attrs, Graph } from '../../../src/graph/graph.js';
import { tensor } from '../../../src/graph/tensor.js';
import { CRITERIA, canRank, type ImportanceSource } from '../../../src/pruning/importance/index.js';
import { ChannelAnalyzer, type ChannelUnit } from '../../../src/pruning/tracer/index.js';
import { GraphSketch } from '../../support/graph-sketch.js';

interface Made {
  readonly graph: Graph;
  readonly unit: ChannelUnit;
  readonly source: ImportanceSource;
}

/** The first unit that can be pruned, where layer `a` applies these weights to `channels` channels. */
function made(
  op: string,
  channels: number,
  shape: number[],
  data: number[],
  attrs: Attrs = {},
  norms: number[][] = [],
) {
  const s = new GraphSketch();
  const weights = s.builder.constant('a.weight', tensor('float32', shape, data), 'parameter');
  let x = s.op(op, [s.input('x', channels, 5), weights], attrs, 'a');
  norms.forEach((scales, i) => {
    const vector = (name: string, values: number[]) =>
      s.builder.constant(`n${i}.${name}`, tensor('float32', [values.length], values), 'parameter');
    const ones = scales.map(() => 1);
    const operands = [vector('scale', scales), vector('shift', ones), vector('mean', ones), vector('variance', ones)];
    x = s.op('BatchNormalization', [x, ...operands], {}, `n${i}`);
  });
  const head = s.builder.constant('out.weight', s.weights([2, s.shape(x)[1], 1]), 'parameter');
  const graph = s.build(s.op('Conv', [x, head], {}, 'out'));
  const [unit] = new ChannelAnalyzer().analyze(graph).units.filter(({ reason }) => !reason);
  return { graph, unit, source: { weights: (id: string) => graph.constants.get(id)?.tensor } } satisfies Made;
}

const criterion = (name: string) => CRITERIA.find((each) => each.name === name)!;
const importances = (name: string, { unit, source }: Made) => [...criterion(name).importance(unit, source)!];

test('l2: the root mean square of the filter', () => {
  expect(importances('l2', made('Conv', 1, [2, 1, 2], [3, -4, 5, 0]))).toEqual([Math.sqrt(12.5), Math.sqrt(12.5)]);
  const data = [1, 10, 3, 20, 5, 30, 7, 40];
  expect(importances('l2', made('ConvTranspose', 4, [4, 2, 1], data, { group: 2 }))).toEqual([
    (Math.sqrt(5) + Math.sqrt(37)) / 2,
    (Math.sqrt(250) + Math.sqrt(1250)) / 2,
  ]);
});

test('lamp: the share of what is no smaller', () => {
  // Squares 1, 4, 9, 4: of the equal ones the first counts as the smaller.
  const of = made('Conv', 1, [4, 1, 1], [1, -2, 3, 2]);
  expect(importances('lamp', of)).toEqual([1 / 18, 4 / 17, 1, 4 / 13]);
  expect(importances('lamp', made('Conv', 1, [2, 1, 1], [0, 0]))).toEqual([0, 0]);
});

test('fpgm: the distances to the other filters', () => {
  const of = made('Conv', 2, [3, 2, 1], [0, 0, 3, 4, 6, 8]);
  expect(importances('fpgm', of)).toEqual([15 / 3, 10 / 3, 15 / 3]);
  // Filters of a transposed convolution stand on the second axis: (1, 4), (2, 4), (3, 4).
  expect(importances('fpgm', made('ConvTranspose', 2, [2, 3, 1], [1, 2, 3, 4, 4, 4]))).toEqual([1, 2 / 3, 1]);
});

test('bn_scale: the absolute scales of the norms; where those say nothing, the weights', () => {
  const [conv, shape, data] = ['Conv', [2, 1, 1], [5, 1]] as const;
  const normed = made(conv, 1, [...shape], [...data], {}, [
    [-2, 3],
    [4, -1],
  ]);
  expect(importances('bn_scale', normed)).toEqual([3, 2]);
  expect(criterion('bn_scale').taken!(normed.unit, normed.source)).toBe('bn_scale');
  for (const norms of [[], [[1, 1]]]) {
    const bare = made(conv, 1, [...shape], [...data], {}, norms);
    expect(importances('bn_scale', bare)).toEqual([5, 1]);
    expect(criterion('bn_scale').taken!(bare.unit, bare.source)).toBe('l1');
  }
});

test('random: other numbers for other units and seeds, the same each time', () => {
  const { unit, source } = made('Conv', 1, [6, 1, 1], [1, 2, 3, 4, 5, 6]);
  const drawn = (name: string, seed?: number) =>
    String(
      criterion('random').importance({ ...unit, name }, seed === undefined ? source : { ...source, seed: () => seed }),
    );
  expect(drawn('a')).toBe(drawn('a', 0));
  expect(new Set([drawn('a'), drawn('b'), drawn('a', 1), drawn('a', 2)]).size).toBe(4);
});

test.each(CRITERIA.map(({ name }) => name))('%s ranks a unit with weights, and says so without looking', (name) => {
  const { unit, source } = made('Conv', 3, [8, 3, 1], new GraphSketch().weights([8, 3, 1]).data as never);
  expect(canRank(criterion(name), unit, source)).toBe(true);
  expect(criterion(name).importance(unit, source)).toHaveLength(8);
});

test.each(['obs', 'auto', 'wanda', 'mean_activation', 'apoz'])(
  '%s goes by what was measured, else by weights',
  (name) => {
    const { unit, source } = made('Conv', 1, [2, 1, 1], [5, 1]);
    const measured = { ...source, losses: () => Float64Array.of(1, 7) };
    expect([...criterion(name).importance(unit, measured)!]).toEqual([1, 7]);
    expect(criterion(name).taken!(unit, measured)).toBe(name === 'auto' ? 'obs' : name);
    expect([...criterion(name).importance(unit, source)!]).toEqual([5, 1]);
    expect(criterion(name).taken!(unit, source)).toBe('l1');
  },
);
