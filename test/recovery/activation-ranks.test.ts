/** What samples say of channels, against sums over what the engine computes. */
import { expect, test } from 'vitest';
import { openEngine } from '../../src/engine/index.js';
import { ChannelMutator } from '../../src/pruning/index.js';
import { rankByActivation, rankByActivity, rankByWeightedActivation, readUnits } from '../../src/recovery/index.js';
import { GraphSketch } from '../support/graph-sketch.js';
import { blocksOf } from '../support/recovery-networks.js';

const engine = await openEngine({ engine: 'auto', threads: 1, notice: () => {} });

test('of the values that a layer reads', async () => {
  const s = new GraphSketch();
  const a = s.relu(s.conv('a', s.input('x', 3, 6, 6), 8));
  s.builder.output('read', a);
  s.builder.output('y', s.conv('b', a, 4, { kernel: 1, pad: 0 }));
  const graph = s.builder.build();
  const mutator = new ChannelMutator();
  mutator.prepareFromSupernet(graph);
  // What is an output stays whole: the unit is that of the graph without it.
  const { name, numChannels, channelUnit } = mutator.units.find((unit) => unit.numChannels === 8)!;
  const readers = channelUnit.inputRelated.filter(({ passThrough }) => !passThrough);
  const blocks = blocksOf(graph, 2, 4, 5);
  const [readings] = [...(await readUnits(graph, [{ name, numChannels, readers }], blocks, { engine })).values()];
  const compiled = await engine.compile(graph);
  const sums = { magnitude: new Float64Array(8), active: new Float64Array(8), square: new Float64Array(8) };
  let count = 0;
  for (const { feeds } of blocks) {
    const { data, shape } = (await compiled.run(feeds)).get('read')!;
    const plane = shape[2] * shape[3];
    count += shape[0] * plane;
    (data as Float32Array).forEach((value, i) => {
      const c = Math.floor(i / plane) % 8;
      sums.magnitude[c] += Math.abs(value);
      sums.active[c] += value === 0 ? 0 : 1;
      sums.square[c] += value * value;
    });
  }
  await compiled.release();
  const close = (found: Float64Array | undefined, wanted: Float64Array) => {
    for (const [c, value] of wanted.entries()) expect(found![c]).toBeCloseTo(value, 5);
  };
  close(
    rankByActivation(readings, 8),
    sums.magnitude.map((sum) => sum / count),
  );
  close(
    rankByActivity(readings, 8),
    sums.active.map((sum) => sum / count),
  );
  const weights = graph.constants.get('b.weight')!.tensor.data as Float32Array;
  const given = sums.square.map((sum, c) => {
    let all = 0;
    for (let o = 0; o < 4; o++) all += Math.abs(weights[o * 8 + c]);
    return all * Math.sqrt(sum / count);
  });
  const total = given.reduce((x, y) => x + y, 0);
  close(
    rankByWeightedActivation(readings, 8),
    given.map((value) => value / total),
  );
  expect(rankByActivation([], 8)).toBeUndefined();
});
