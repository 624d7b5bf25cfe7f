/** Recovery on random networks, and on trained ones. */
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openEngine } from '../../src/engine/index.js';
import { replaceConstants } from '../../src/graph/passes/replace-constants.js';
import { ChannelMutator } from '../../src/pruning/index.js';
import { RECIPES, recover } from '../../src/recovery/index.js';
import { CPU_ENGINE } from '../engine/cpu-engine.js';
import { describeShared, SHARED } from '../shared.js';
import { dropChannels, randomDrops } from '../support/random-choices.js';
import { RANDOM_GRAPHS_TIMEOUT_MS, runsOf } from '../support/random-graph-runs.js';
import { continuousPlans, plannedGraph } from '../support/random-graphs.js';
import { blocksOf, divergenceOf, networksOf } from '../support/recovery-networks.js';
import { runWholeJob } from '../support/whole-job.js';

const ALL = Object.values(RECIPES);
/** A graph takes about a second: some of those that other tests take, unless their number is named. */
const RUNS = runsOf(process.env.ESPALIER_RANDOM_GRAPHS === undefined ? 0.2 : 1);
/** Where so little is lost there is nothing to recover, and rounding decides. */
const NOTHING = 1e-9;
const engine = await openEngine({ engine: CPU_ENGINE, threads: 1, notice: () => {} });

test(
  `over ${RUNS.numRuns} random graphs: constants of the same shapes, none where nothing is pruned; where it won no worse`,
  async () => {
    let [whole, lost, raw, worse] = [0, 0, 0, 0];
    await fc.assert(
      fc.asyncProperty(continuousPlans, randomDrops, async (plan, drops) => {
        const mutator = new ChannelMutator();
        mutator.prepareFromSupernet(plannedGraph(plan));
        const all = networksOf(mutator);
        const blocks = blocksOf(all.original, plan.weights + 1, 4, 24);
        const untouched = await recover(all, blocks, { engine, recipes: ALL });
        expect(untouched.constants.size).toBe(0);
        dropChannels(mutator, drops);
        const networks = networksOf(mutator);
        const { constants, recipe, divergences } = await recover(networks, blocks, { engine, recipes: ALL });
        expect(divergences[recipe]).toBeLessThanOrEqual(divergences.none!);
        for (const [id, { shape, data, dtype }] of constants) {
          const before = networks.pruned.constants.get(id)!.tensor;
          expect([id, dtype, shape]).toEqual([id, before.dtype, before.shape]);
          expect((data as Float32Array).every(Number.isFinite)).toBe(true);
        }
        if (divergences.none! < NOTHING) {
          whole++;
          return;
        }
        lost++;
        if (recipe === 'none') {
          raw++;
          return;
        }
        const fresh = blocksOf(networks.original, plan.weights + 1000, 2, 24);
        const before = await divergenceOf(networks.original, networks.pruned, fresh, engine);
        const after = await divergenceOf(
          networks.original,
          replaceConstants(networks.pruned, constants),
          fresh,
          engine,
        );
        if (after > before * (1 + 1e-3) + 1e-9) worse++;
      }),
      RUNS,
    );
    const counts = `${raw} stayed as they were pruned, ${worse} came out worse on other samples`;
    console.log(`${whole} graphs lost nothing by what went, ${lost} did: of those ${counts}`);
    expect(raw).toBeLessThan(lost / 3);
    expect(worse).toBeLessThan(lost / 20);
  },
  RANDOM_GRAPHS_TIMEOUT_MS,
);

/**
 * Accuracy in points on the 5,000 images of `test/`, of the models in `models/trained`, half of their MACs gone: without labels,
 * without training. 71.7 and 70.4 where this was written; another machine's rounding may move them by some tenths.
 */
describeShared('trained on CIFAR-10, 128 images without labels', 'data/cifar10-images/cifar10-b.zip', (archive) => {
  const config = {
    target: { macs: 0.5 },
    algorithm: { mutator_cfg: { channel_unit_cfg: { type: 'CriterionChannelUnit', criterion: 'obs' } } },
    finetune: false,
    recovery: { samples: 128 },
  };
  test.each([
    ['cifar-plain.onnx', 70.5],
    ['cifar-mobile.onnx', 69],
  ])(
    '%s keeps %d points',
    async (name, points) => {
      const model = join(SHARED, 'models/trained', name);
      const { result } = await runWholeJob(model, config, { data: archive, engine: 'auto', threads: 0 });
      const [, pruned, recovered] = result!.stages;
      expect(recovered).toMatchObject({ stage: 'recovered', samples: 5000, accuracy: result!.pruned.accuracy });
      console.log(
        name,
        result!.stages.map(({ stage, accuracy, seconds }) => [stage, accuracy, seconds].join(' ')).join(', '),
      );
      expect(100 * recovered.accuracy!).toBeGreaterThanOrEqual(points);
      expect(pruned.accuracy!).toBeLessThan(recovered.accuracy! - 0.1);
      expect(result!.equivalence).toMatchObject({ ok: true });
    },
    300_000,
  );
});
