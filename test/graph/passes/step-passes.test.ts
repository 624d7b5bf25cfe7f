import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder.js';
import { evaluateGraph } from '../../../src/graph/evaluate.js';
import type { Attrs } from '../../../src/graph/graph.js';
import { foldConstants } from '../../../src/graph/passes/fold-constants.js';
import { mergeCommon } from '../../../src/graph/passes/merge-common.js';
import { tensor, toRef } from '../../../src/graph/tensor.js';
import { verify } from '../../../src/graph/verify.js';

const float = (shape: (number | string)[]) => ({ dtype: 'float32' as const, shape });
const literal = (b: GraphBuilder, id: string, values: number[]) =>
  b.constant(id, tensor('float32', [values.length], values), 'literal');

describe('mergeCommon', () => {
  test('chains of equal nodes become one, and outputs follow', () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', float(['N', 3]));
    const chain = () => b.op('Tanh', [b.op('Relu', [x])]);
    b.output('sum', b.op('Add', [chain(), chain()]));
    b.output('same', chain());
    const graph = b.build();
    const merged = mergeCommon(graph);
    verify(merged);
    expect(merged.nodes.map((n) => n.op)).toEqual(['Relu', 'Tanh', 'Add']);
    const feeds = new Map([['x', toRef(tensor('float32', [1, 3], [-1, 0.5, 2]))]]);
    expect(evaluateGraph(merged, feeds)).toEqual(evaluateGraph(graph, feeds));
  });

  test('other attributes, also infinities, or other inputs are other nodes', () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', float(['N', 3]));
    const clips: Attrs[] = [
      { min: 0 },
      { min: 0, max: Number.POSITIVE_INFINITY },
      { min: Number.NEGATIVE_INFINITY },
      {},
    ];
    clips.forEach((attrs, i) => {
      b.output(`y${i}`, b.op('Clip', [x], attrs));
    });
    const graph = b.build();
    expect(mergeCommon(graph)).toBe(graph);
  });
});

describe('foldConstants', () => {
  test('what depends on constants alone is a literal; the rest stays', () => {
    const b = new GraphBuilder('g');
    const x = b.input('x', float(['N', 2]));
    const factor = b.op('Div', [literal(b, 'scale', [1, 4]), b.op('Sqrt', [literal(b, 'variance', [4, 16])])]);
    b.output('y', b.op('Mul', [x, factor]));
    b.output('factor', factor);
    const folded = foldConstants(b.build());
    verify(folded);
    expect(folded.nodes.map((n) => n.op)).toEqual(['Mul']);
    expect([...(folded.constants.get(factor)!.tensor.data as Float32Array)]).toEqual([0.5, 1]);
    expect(folded.constants.get(factor)!.role).toBe('literal');
    expect([
      ...evaluateGraph(folded, new Map([['x', toRef(tensor('float32', [1, 2], [2, 3]))]])).get('y')!.data,
    ]).toEqual([1, 3]);
  });

  test('large tensors are left to an engine', () => {
    const b = new GraphBuilder('g');
    b.output('y', b.op('Neg', [b.constant('w', tensor('float32', [70_000], new Float32Array(70_000)), 'literal')]));
    const graph = b.build();
    expect(foldConstants(graph)).toBe(graph);
  });
});
