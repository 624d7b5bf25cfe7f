import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CompiledGraph } from '../../../src/engine/index.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import { evaluateGraph } from '../../../src/graph/evaluate.js';
import type { Graph } from '../../../src/graph/graph.js';
import { scalar, tensor, toRef } from '../../../src/graph/tensor.js';
import { expectClose } from '../agreement.js';
import { Random } from '../random.js';
import type { EngineUnderTest } from './engine-under-test.js';

const float = (...shape: (number | string)[]) => ({ dtype: 'float32' as const, shape });

/** What holds of every graph, whatever its ops: feeds are checked, outputs are what the graph says, errors name names. */
export function testGraphs(under: EngineUnderTest): void {
  async function run(graph: Graph, feeds: Parameters<CompiledGraph['run']>[0]) {
    const compiled = await (await under.open()).compile(graph);
    try {
      return await compiled.run(feeds);
    } finally {
      await compiled.release();
    }
  }

  describe('feeds that do not fit are refused by name', () => {
    let compiled: CompiledGraph;
    const x = tensor('float32', [2, 3], [1, 2, 3, 4, 5, 6]);
    const labels = tensor('int32', [2], [0, 1]);
    const feeds = (over: object) => new Map(Object.entries({ x, labels, ...over }).filter(([, t]) => t !== undefined));

    beforeAll(async () => {
      const b = new GraphBuilder('two inputs');
      const classes = b.op('OneHot', [b.input('labels', { dtype: 'int32', shape: ['N'] })], { depth: 3 });
      b.output('y', b.op('Mul', [b.input('x', float('N', 3)), classes]));
      compiled = await (await under.open()).compile(b.build());
    });
    afterAll(() => compiled.release());

    test('those that fit are run', async () => {
      const y = (await compiled.run(feeds({}))).get('y');
      expect(y).toEqual(tensor('float32', [2, 3], [1, 0, 0, 0, 5, 0]));
    });

    test.each([
      ['missing', { x: undefined }, /input x is missing.*float32 \[N,3\]/],
      ['of another dtype', { labels: tensor('int64', [2], [0, 1]) }, /input labels is int64 \[2\].*int32 \[N\]/],
      ['of another shape', { x: tensor('float32', [2, 2], [1, 2, 3, 4]) }, /input x is float32 \[2,2\].*\[N,3\]/],
      ['of another rank', { x: scalar('float32', 1) }, /input x is float32 \[\].*\[N,3\]/],
      [
        'of another batch than the rest',
        { x: tensor('float32', [1, 3], [1, 2, 3]) },
        /input x is float32 \[1,3\].*N is 2/,
      ],
      ['shorter than its shape', { x: { ...x, data: new Float32Array(5) } }, /input x.*needs 6 elements, has 5/],
    ])('%s', async (_, over, message) => {
      await expect(compiled.run(feeds(over))).rejects.toThrow(message);
    });
  });

  test('planes whose extents are known only at run time are widened and resized', async () => {
    const random = new Random(5);
    const b = new GraphBuilder('planes');
    const w = b.constant('w', tensor('float32', [2, 3, 3, 3], random.floats(54, -1, 1)), 'parameter');
    const wide = b.op('ConvTranspose', [b.input('x', float('N', 2, 'H', 'W')), w], {
      strides: [2, 1],
      pads: [1, 0, 0, 1],
      output_padding: [1, 0],
    });
    const scales = [1, 1, 1.5, 2];
    b.output(
      'linear',
      b.op('Resize', [wide], { scales, mode: 'linear', coordinate_transformation_mode: 'asymmetric' }),
    );
    b.output('nearest', b.op('Resize', [wide], { scales }));
    const graph = b.build();
    for (const [height, width] of [
      [3, 4],
      [6, 2],
    ]) {
      const x = random.tensor(float(2, 2, height, width), 2);
      const expected = evaluateGraph(graph, new Map([['x', toRef(x)]]));
      const found = await run(graph, new Map([['x', x]]));
      for (const [name, t] of expected) expectClose(name, found.get(name)!, t, 1e-5, 0.1);
    }
  });

  test('after its release a graph says so, and a second release does nothing', async () => {
    const b = new GraphBuilder('gone');
    b.output('y', b.op('Relu', [b.input('x', float('N'))]));
    const compiled = await (await under.open()).compile(b.build());
    await compiled.release();
    await compiled.release();
    await expect(compiled.run(new Map())).rejects.toThrow(/gone has been released/);
  });

  test('outputs may be inputs, constants, or one value under two names', async () => {
    const b = new GraphBuilder('plain');
    const x = b.input('x', float('N'));
    const y = b.op('Neg', [x]);
    b.output('input', x);
    b.output('constant', b.constant('c', tensor('float32', [2], [7, 8]), 'literal'));
    b.output('first', y);
    b.output('second', y);
    const found = await run(b.build(), new Map([['x', tensor('float32', [1], [3])]]));
    expect([...found].map(([name, t]) => [name, [...(t.data as Float32Array)]])).toEqual([
      ['input', [3]],
      ['constant', [7, 8]],
      ['first', [-3]],
      ['second', [-3]],
    ]);
  });

  test('an input that nothing reads is still checked and fed', async () => {
    const b = new GraphBuilder('unused');
    b.input('unused', float('N'));
    b.output('y', b.op('Neg', [b.input('x', float('N'))]));
    const x = tensor('float32', [1], [3]);
    expect((await run(b.build(), new Map(Object.entries({ unused: x, x })))).get('y')).toEqual(
      tensor('float32', [1], [-3]),
    );
  });

  test('an op that the engine does not have is named, with its layer', async () => {
    const b = new GraphBuilder('strange');
    b.output('y', b.op('Relu', [b.input('x', float('N'))], {}, { layer: 'act' }));
    const graph = b.build();
    const nodes = graph.nodes.map((node) => ({ ...node, op: 'toString' }));
    const engine = await under.open();
    await expect(engine.compile({ ...graph, nodes })).rejects.toThrow(
      `toString act: the ${engine.name} engine has no such op`,
    );
  });

  test('a result of another shape than the graph says is an error, not a wrong tensor', async () => {
    const b = new GraphBuilder('lies');
    b.output('y', b.op('Reshape', [b.input('x', float('N', 4))], { shape: [0, 2, 2] }));
    const graph = b.build();
    const values = new Map([...graph.values, [graph.outputs[0].value, float('N', 4, 1)]]);
    const feeds = new Map([['x', tensor('float32', [1, 4], [1, 2, 3, 4])]]);
    await expect(run({ ...graph, values }, feeds)).rejects.toThrow(/output y|graph lies/);
  });
}
