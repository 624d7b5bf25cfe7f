import { expect, test } from 'vitest';
import { openEngine } from '../../../src/engine/index.js';
import { corrections, type RefineContext, refineWidths } from '../../../src/pipeline/planning/refined-widths.js';
import { findSensitivities } from '../../../src/pipeline/planning/sensitivities.js';
import { ChannelMutator, planChoices, type SensitivityCurve } from '../../../src/pruning/index.js';
import { RECIPES, readUnits } from '../../../src/recovery/index.js';
import { CPU_ENGINE } from '../../engine/cpu-engine.js';
import { GraphSketch } from '../../support/graph-sketch.js';
import { blocksOf } from '../../support/recovery-networks.js';

const engine = await openEngine({ engine: CPU_ENGINE, threads: 1, notice: () => {} });

type Curves = ReadonlyMap<string, SensitivityCurve>;

/** Three layers of equal widths, and what is measured of them. */
async function measured(samples = 64) {
  const sketch = new GraphSketch('refined');
  let x = sketch.input('x', 3, 12, 12);
  for (const layer of ['a', 'b', 'c']) x = sketch.relu(sketch.conv(layer, x, 16));
  const graph = sketch.build(sketch.dense('head', sketch.globalPool(x), 10));
  // Scores as far apart as those of a trained network.
  const scores = graph.constants.get('head.weight')!.tensor.data as Float32Array;
  scores.forEach((weight, i) => {
    scores[i] = 20 * weight;
  });
  const mutator = new ChannelMutator({ channel_unit_cfg: { type: 'CriterionChannelUnit' } });
  mutator.prepareFromSupernet(graph);
  const blocks = blocksOf(graph, 3, 4, samples / 4);
  const units = mutator.mutableUnits.map(({ name, numChannels, channelUnit }) => {
    return { name, numChannels, readers: channelUnit.inputRelated.filter(({ passThrough }) => !passThrough) };
  });
  const readings = await readUnits(graph, units, blocks, { engine });
  const lines: string[] = [];
  const planned: Record<string, number>[] = [];
  const context: RefineContext = {
    ...{ engine, graph, mutator, readings, recipe: RECIPES.least_squares },
    blocks: async () => blocks,
    signal: new AbortController().signal,
    onProgress: () => {},
    log: (text) => lines.push(text),
    plan: async (sensitivities: Curves) => {
      const plan = planChoices(mutator, { macs: 0.5 }, 'macs', { allocation: 'sensitivity', sensitivities });
      planned.push(plan.choices);
      return { plan, choices: plan.choices };
    },
  };
  const curves = (await findSensitivities({ ...context, blocks, isFixed: false }))!;
  return { context, curves, lines, planned };
}

test('of all plans the one is taken whose network comes nearest; the mutator stays as it was', async () => {
  const { context, curves, lines, planned } = await measured();
  const before = { masks: context.mutator.state, weights: new Map(context.mutator.weights) };
  const name = [...curves.keys()].find((unit) => unit.startsWith('b'))!;
  const wrong = new Map(curves).set(
    name,
    curves.get(name)!.map(({ kept, loss }) => ({ kept, loss: loss / 10 })),
  );
  const refined = await refineWidths(context, wrong, await context.plan(wrong));
  const losses = lines.map((line) => Number(/: (\S+) from/.exec(line)![1]));
  expect(losses.length).toBeGreaterThan(1);
  expect(refined.choices).toEqual(planned[losses.indexOf(Math.min(...losses))]);
  expect(context.mutator.state).toEqual(before.masks);
  expect([...context.mutator.weights].every(([id, tensor]) => before.weights.get(id) === tensor)).toBe(true);
});

test('curves are corrected by what their units lose in the pruned network', () => {
  // Between its points a curve is a straight line of logarithms: 4, 2 and 1 at 2, 4 and 6 channels.
  const curve = [
    { kept: 2, loss: 4 },
    { kept: 6, loss: 1 },
  ];
  const names = ['more', 'less', 'far more', 'nothing', 'unmeasured'];
  const curves = new Map(names.slice(0, -1).map((unit) => [unit, curve]));
  const further = [3.5, 2.1, 900, 1.9, 3].map((loss, i) => {
    return { unit: names[i], channels: 8, from: 6, to: 4, loss };
  });
  expect([...corrections({ loss: 2, further }, curves)]).toEqual([
    ['more', 1.5],
    ['less', expect.closeTo(0.1)],
    ['far more', 10],
    ['nothing', 0.1],
  ]);
});

test('the plan stays where there are too few samples to set weights by', async () => {
  const { context, curves, lines } = await measured(32);
  const first = await context.plan(curves);
  expect(await refineWidths(context, curves, first)).toBe(first);
  expect(lines).toEqual([]);
});

test('a cancel ends it, and leaves the mutator as it was', async () => {
  const { context, curves } = await measured();
  const masks = context.mutator.state;
  const first = await context.plan(curves);
  const stop = new AbortController();
  const onProgress = (): void => stop.abort();
  await expect(refineWidths({ ...context, signal: stop.signal, onProgress }, curves, first)).rejects.toThrow(/abort/i);
  expect(context.mutator.state).toEqual(masks);
});
