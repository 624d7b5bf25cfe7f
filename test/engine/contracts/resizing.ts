import { expect, test } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder.js';
import type { Graph, Shape, TensorSpec } from '../../../src/graph/graph.js';
import { resizedShape } from '../../../src/graph/ops/resampling.js';
import { expectAgreement } from '../agreement.js';
import { Random } from '../random.js';
import type { EngineUnderTest } from './engine-under-test.js';

const float = (shape: Shape): TensorSpec => ({ dtype: 'float32', shape });

const COORDINATES = ['half_pixel', 'pytorch_half_pixel', 'asymmetric', 'align_corners'];

/** A scale that makes `from` elements `to`, or one that is no ratio of whole numbers; in float32, as files have them. */
function scaleOf(r: Random, from: number): number {
  const scale = r.int(0, 2) > 0 ? r.int(1, 60) / from : Math.max(1 / from, 0.3 + 2.4 * r.unit());
  return r.int(0, 1) === 0 ? scale : Math.fround(scale);
}

/** Planes resized and added to planes of that size: an engine that comes to other extents can't run it. */
function resizedAndAdded(r: Random, batch: number | string, attrs: Record<string, string>): Graph {
  const planes = r.ints(2, 1, 40);
  const b = new GraphBuilder('resized');
  const node = { name: 'n', op: 'Resize', inputs: [], outputs: [], attrs: {} };
  const scales = [1, 1, ...planes.map((from) => scaleOf(r, from))];
  const x = b.input('x', float([batch, 2, ...planes]));
  const resized = b.op('Resize', [x], { ...attrs, scales });
  const size = resizedShape({ ...node, attrs: { scales } }, [batch, 2, ...planes]);
  b.output('y', b.op('Add', [resized, b.input('other', float(size))]));
  return b.build();
}

/**
 * Planes of random extents, up and down, agree with the float64 reference for every coordinate mode. Coordinates in
 * float32 are off by up to 1e-5 elements in planes as large as these.
 * @param most graphs of one mode, for engines that are slow
 */
export function testResizing(under: EngineUnderTest, { most = 60 } = {}): void {
  test.each(
    COORDINATES.flatMap((coordinates) => [
      [coordinates, 'linear'],
      [coordinates, 'nearest'],
    ]),
  )('planes of any extents are resized by %s, %s', async (coordinate_transformation_mode, mode) => {
    const engine = await under.open();
    for (let seed = 0; seed < most; seed++) {
      const random = new Random(seed);
      const graph = resizedAndAdded(random, seed % 2 === 0 ? 'N' : 2, { mode, coordinate_transformation_mode });
      const shown = `seed ${seed}: ${JSON.stringify([...graph.values])} ${JSON.stringify(graph.nodes[0])}`;
      const compiled = await engine.compile(graph).catch((cause) => {
        throw new Error(shown, { cause });
      });
      await expectAgreement(graph, compiled, random, 2, 2e-5).catch((cause) => {
        throw new Error(shown, { cause });
      });
      await compiled.release();
    }
  });

  test('every ratio of small extents is resized to just that extent', async () => {
    const engine = await under.open();
    const random = new Random(7);
    for (let from = 1; from <= 24; from++) {
      const b = new GraphBuilder(`all of ${from}`);
      const x = b.input('x', float(['N', 1, from, 3]));
      for (let to = 1; to <= 24; to++) {
        const attrs = {
          scales: [1, 1, to / from, 7 / 3],
          mode: 'linear',
          coordinate_transformation_mode: 'align_corners',
        };
        b.output(`${to}`, b.op('Add', [b.op('Resize', [x], attrs), b.input(`to ${to}`, float(['N', 1, to, 7]))]));
      }
      const graph = b.build();
      const compiled = await engine.compile(graph);
      await expectAgreement(graph, compiled, random, 1, 2e-5);
      await compiled.release();
    }
  });

  test('beside an extent that is known only at run time, known ones are what the graph says', async () => {
    const engine = await under.open();
    const b = new GraphBuilder('half known');
    const x = b.input('x', float(['N', 2, 'H', 3]));
    const attrs = { scales: [1, 1, 2, Math.fround(7 / 3)], mode: 'linear' };
    const resized = b.op('Resize', [x], attrs);
    b.output('y', b.op('Add', [resized, b.constant('row', new Random(1).tensor(float([7]), 1), 'literal')]));
    const graph = b.build();
    const compiled = await engine.compile(graph);
    await expectAgreement(graph, compiled, new Random(3), 2, 2e-5);
    await compiled.release();
    expect(graph.values.get(resized)?.shape.at(-1)).toBe(7);
  });
}
