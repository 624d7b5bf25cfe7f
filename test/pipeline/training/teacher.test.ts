import { expect, test } from 'vitest';
import { openEngine } from '../../../src/engine/index.js';
import type { Graph } from '../../../src/graph/graph.js';
import { openTeacher } from '../../../src/pipeline/training/teacher.js';
import { CPU_ENGINE } from '../../engine/cpu-engine.js';
import { GraphSketch } from '../../support/graph-sketch.js';

/** Some exporters name outputs like the values that they are. */
function namedLikeItsValue(): Graph {
  const s = new GraphSketch();
  const graph = s.build(s.dense('head', s.input('x', 4), 3));
  return { ...graph, outputs: graph.outputs.map(({ value }) => ({ name: value, value })) };
}

test('what an output teaches is found under its name, even where that is a name of a value, too', async () => {
  const graph = namedLikeItsValue();
  const [{ name }] = graph.outputs;
  const engine = await openEngine({ engine: CPU_ENGINE, threads: 1, notice: () => {} });
  const distillation = { weight: 1, temperature: 4 };
  const heads = { heads: [{ output: name, loss: 'cross_entropy', labels: 'none', distillation }] } as const;
  const teacher = await openTeacher(engine, graph, heads);
  const found = await teacher.outputs({ dtype: 'float32', shape: [2, 4], data: new Float32Array(8) });
  await teacher.release();
  expect([...found.keys()]).toEqual([name]);
  expect(found.get(name)!.shape).toEqual([2, 3]);
});
