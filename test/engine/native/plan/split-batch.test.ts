import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Budget } from '../../../../src/engine/native/plan/batch-segments.js';
import { ELEMENTWISE } from '../../../../src/engine/native/plan/elementwise.js';
import { type Plan, planGraph } from '../../../../src/engine/native/plan/plan-graph.js';
import { DEPTH_FIRST, splitBatch } from '../../../../src/engine/native/plan/split-batch.js';
import { createProgram, kernelsOf } from '../../../../src/engine/native/program.js';
import { inOwnOps } from '../../../../src/engine/native/supports.js';
import { GraphBuilder } from '../../../../src/graph/builder.js';
import { getSpec } from '../../../../src/graph/graph.js';
import { getOp } from '../../../../src/graph/ops/index.js';
import { bindShapes } from '../../../../src/graph/passes/reinfer.js';
import { allocate, elementCount, type Tensor, tensor } from '../../../../src/graph/tensor.js';
import { RANDOM_GRAPHS_TIMEOUT_MS, runsOf } from '../../../support/random-graph-runs.js';
import { continuousPlans, plannedGraph } from '../../../support/random-graphs.js';
import { relativeError } from '../../agreement.js';
import { Random } from '../../random.js';
import { describeNative } from '../native-addon.js';

const float = (...shape: (number | string)[]) => ({ dtype: 'float32' as const, shape });

/** Cuts whatever it may, into parts of a row. */
const FINEST: Budget = { large: 1, part: 1, mostParts: 100 };
const NONE: Budget = { ...FINEST, large: Number.POSITIVE_INFINITY };

/** A net of 1×1 convolutions of two channels, whose weights are few beside its planes of 16×16. */
class Net extends GraphBuilder {
  readonly x = this.input('x', float('N', 2, 16, 16));

  conv(x: string, channels = 2): string {
    const weight = tensor('float32', [channels, 2, 1, 1], new Random(1).floats(channels * 2, -1, 1));
    return this.op('Conv', [x, this.constant(`w${this.nodeCount++}`, weight, 'parameter')]);
  }

  private nodeCount = 0;
}

describe('what is computed for some rows at a time', () => {
  /** The nodes of the split graph: op and rows of the first output. */
  function split(b: GraphBuilder, shapes: Record<string, number[]>, budget: Budget = FINEST): string[] {
    const { nodes, values } = splitBatch(bindShapes(b.build(), shapes), budget);
    return nodes
      .filter(({ op }) => op !== 'Slice')
      .map(({ op, outputs }) => `${op} ${values.get(outputs[0])!.shape[0]}`);
  }
  const planes = (rows: number) => [rows, 2, 16, 16];

  test('is one part of a chain after the other, and joined where it ends', () => {
    const b = new Net('chain');
    b.output('y', b.op('GlobalAveragePool', [b.op('Tanh', [b.conv(b.conv(b.x))])]));
    const part = (rows: number) => ['Conv', 'Conv', 'Tanh', 'GlobalAveragePool'].map((op) => `${op} ${rows}`);
    expect(split(b, { x: planes(3) })).toEqual([...part(1), ...part(1), ...part(1), 'Concat 3']);
    const twoRows = { ...FINEST, part: 2 * 2 * 2 * 16 * 16 * 4 };
    expect(split(b, { x: planes(5) }, twoRows)).toEqual([...part(2), ...part(2), ...part(1), 'Concat 5']);
    expect(split(b, { x: planes(5) }, { ...FINEST, mostParts: 2 })).toEqual([...part(3), ...part(2), 'Concat 5']);
  });

  test('is nothing of a single row, of a batch that fits, or of a step that trains', () => {
    const b = new Net('whole');
    const y = b.conv(b.conv(b.x));
    b.output('y', b.op('GlobalAveragePool', [y]));
    expect(split(b, { x: planes(1) })).toHaveLength(3);
    expect(split(b, { x: planes(4) }, DEPTH_FIRST)).toHaveLength(3);
    b.output('dx', b.op('ReluGrad', [b.x, y]));
    expect(split(b, { x: planes(4) })).toHaveLength(4);
  });

  test('ends before what mixes rows, and goes on after it', () => {
    const b = new Net('mixed');
    const y = b.conv(b.conv(b.conv(b.x)));
    const centred = b.op('Sub', [y, b.op('ReduceMean', [y], { axes: [0], keepdims: 1 })]);
    b.output('y', b.op('GlobalAveragePool', [b.conv(b.conv(centred))]));
    const first = ['Conv 1', 'Conv 1', 'Conv 1'];
    const second = ['Sub 1', 'Conv 1', 'Conv 1', 'GlobalAveragePool 1'];
    const joined = ['Concat 2', 'ReduceMean 1'];
    expect(split(b, { x: planes(2) }, { ...FINEST, mostParts: 2 })).toEqual(
      [...[first, first, joined], ...[second, second, 'Concat 2']].flat(),
    );
  });

  test('is not what would read large weights again for small values', () => {
    const b = new Net('heavy');
    const flat = b.op('Flatten', [b.conv(b.conv(b.x))]);
    const dense = (x: string, id: string, from: number, to: number) =>
      b.op('MatMul', [x, b.constant(id, tensor('float32', [from, to], new Float32Array(from * to)), 'parameter')]);
    b.output('y', dense(dense(flat, 'u', 512, 64), 'v', 64, 64));
    const part = ['Conv 1', 'Conv 1', 'Flatten 1'];
    const whole = ['Concat 4', 'MatMul 4', 'MatMul 4'];
    expect(split(b, { x: planes(4) }, { ...FINEST, mostParts: 4 })).toEqual([part, part, part, part, whole].flat());
  });
});

test('elementwise ops go by rows, but for those that training alone has', () => {
  const others = Object.keys(ELEMENTWISE).filter((op) => !getOp(op).byRows && !getOp(op).training);
  expect(others).toEqual([]);
});

describeNative('a batch that is split', (addon) => {
  const engine = addon.createEngine(2);
  const kernels = kernelsOf(addon, engine, 2);

  async function run(plan: Plan, feeds: readonly Tensor[]) {
    const program = createProgram(addon, engine, plan, false);
    const results = plan.results.map(({ dtype, shape }) => allocate(dtype, elementCount(shape)));
    const data = feeds.map((feed) => feed.data);
    await addon.run(program, data, results);
    addon.release(program);
    return results;
  }

  const budgets = fc.record({
    large: fc.constantFrom(1, 400, 2000),
    part: fc.constantFrom(1, 1000, 4000),
    mostParts: fc.integer({ min: 2, max: 6 }),
  });

  test(
    'comes to what the whole one does: to the same bits, where rounding does not depend on the place of an element',
    async () => {
      const tally = { split: 0, equal: 0, smaller: 0 };
      await fc.assert(
        fc.asyncProperty(continuousPlans, fc.integer({ min: 1, max: 7 }), budgets, async (plan, batch, budget) => {
          const graph = plannedGraph(plan);
          const random = new Random(plan.weights);
          const feeds = graph.inputs.map((id) => random.tensor(getSpec(graph, id), batch));
          const shapes = Object.fromEntries(feeds.map(({ shape }, i) => [graph.inputs[i], shape]));
          const bound = bindShapes(inOwnOps(graph), shapes);
          const [whole, parts] = [NONE, budget].map((each) => planGraph(bound, kernels, each));
          expect(parts.results).toEqual(whole.results);
          expect(parts.resultOf).toEqual(whole.resultOf);
          const [expected, found] = [await run(whole, feeds), await run(parts, feeds)];
          // Sums and vectors' ends round by where they are; kernels of convolutions don't.
          const errors = found.map((data, i) => relativeError(data as Float32Array, expected[i] as Float32Array, 0.1));
          const isExact = whole.instructions.every(({ operation }) => !['map', 'reduce'].includes(operation));
          for (const error of errors) expect(error).toBeLessThanOrEqual(isExact ? 0 : 1e-5);
          if (parts.instructions.length <= whole.instructions.length) return;
          tally.split++;
          if (errors.every((error) => error === 0)) tally.equal++;
          if (parts.arenaBytes < whole.arenaBytes) tally.smaller++;
        }),
        runsOf(1),
      );
      expect(tally.equal).toBeGreaterThan(0.8 * tally.split);
      expect(tally.smaller).toBeGreaterThan(0.5 * tally.split);
    },
    RANDOM_GRAPHS_TIMEOUT_MS,
  );

  test('packs a weight once for parts of other sizes, too', () => {
    const b = new Net('packed');
    b.output('y', b.op('GlobalAveragePool', [b.conv(b.conv(b.x))]));
    const bound = bindShapes(b.build(), { x: [5, 2, 16, 16] });
    const [whole, parts] = [NONE, { ...FINEST, mostParts: 2 }].map((budget) => planGraph(bound, kernels, budget));
    expect(parts.instructions.length).toBeGreaterThan(whole.instructions.length);
    expect(whole.packedBytes).toBeGreaterThan(0);
    expect(parts.packedBytes).toBe(whole.packedBytes);
  });

  test('takes several inputs, with and without rows, and gives what lies between and what has none', async () => {
    const b = new Net('around');
    const other = b.input('other', float('N', 2, 1, 1));
    const scale = b.input('scale', float(2, 1, 1));
    const [first, offset] = [b.conv(b.x), b.op('Neg', [scale])];
    const shifted = b.op('Add', [b.op('Mul', [first, scale]), b.op('Add', [b.conv(other), offset])]);
    const second = b.conv(b.op('Relu', [b.conv(shifted)]));
    b.output('between', b.op('Tanh', [first]));
    b.output('offset', offset);
    b.output('y', b.op('GlobalMaxPool', [b.op('Concat', [second, shifted], { axis: 1 })]));
    b.output('total', b.op('ReduceSum', [second], { axes: [0, 2, 3], keepdims: 0 }));
    const random = new Random(4);
    for (const rows of [1, 2, 7]) {
      const feeds = [random.tensor(float(rows, 2, 16, 16), rows), random.tensor(float(rows, 2, 1, 1), rows)];
      feeds.push(random.tensor(float(2, 1, 1), rows));
      const [x, o, s] = feeds.map(({ shape }) => shape);
      const bound = bindShapes(b.build(), { x, other: o, scale: s });
      const [whole, parts] = [NONE, FINEST].map((budget) => planGraph(bound, kernels, budget));
      expect(parts.instructions.length > whole.instructions.length).toBe(rows > 1);
      const [expected, found] = [await run(whole, feeds), await run(parts, feeds)];
      found.forEach((data, i) => {
        expect(relativeError(data as Float32Array, expected[i] as Float32Array, 0.1)).toBeLessThanOrEqual(1e-6);
      });
    }
  });
});
