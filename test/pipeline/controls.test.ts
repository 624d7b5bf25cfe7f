/** What the delivered model is held against: networks of its widths, on request. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { drawShapes } from '../../examples/shapes.js';
import { writeNpz } from '../../examples/write-npz.js';
import type { Graph } from '../../src/graph/graph.js';
import { freshWeights } from '../../src/pipeline/controls/fresh-weights.js';
import { maskedMutator, randomMasks } from '../../src/pipeline/controls/random-channels.js';
import { openModel } from '../../src/pipeline/open-model.js';
import { resolveConfig } from '../../src/prune-config/index.js';
import { ChannelMutator } from '../../src/pruning/index.js';
import { type JobBench, openJobBench, smallClassifier } from '../support/job-bench.js';
import { useCpu } from '../support/tfjs.js';

const widths = (masks: Readonly<Record<string, readonly number[]>>) =>
  Object.fromEntries(Object.entries(masks).map(([unit, mask]) => [unit, mask.reduce((a, b) => a + b, 0)]));

describe('the networks', () => {
  let graph: Graph;
  const mutator = new ChannelMutator();
  beforeAll(async () => {
    await useCpu();
    const { modelPath } = await openJobBench(smallClassifier(), { train: 1, validation: 1 });
    graph = (await openModel(modelPath, 'model')).model.graph;
    mutator.prepareFromSupernet(graph);
    mutator.setChoices(Object.fromEntries(mutator.mutableUnits.map(({ name }) => [name, 0.5])));
  });

  test('random channels: as many of each unit, others, and by the seed alone', () => {
    const drawn = randomMasks(mutator.state, 3);
    expect(widths(drawn)).toEqual(widths(mutator.state));
    expect(drawn).not.toEqual(mutator.state);
    expect(randomMasks(mutator.state, 3)).toEqual(drawn);
    expect(randomMasks(mutator.state, 4)).not.toEqual(drawn);
  });

  test('whatever the type of the units: positional ones, too', () => {
    const channel_unit_cfg = { type: 'SequentialChannelUnit' };
    const config = resolveConfig({ algorithm: { mutator_cfg: { channel_unit_cfg } } }, { hasDataset: false });
    const other = maskedMutator(graph, config, randomMasks(mutator.state, 3));
    expect(other.state).toEqual(randomMasks(mutator.state, 3));
    const shapes = (of: ChannelMutator) =>
      [...of.exportSubnet().graph.constants].map(([id, { tensor }]) => [id, tensor.shape]);
    expect(shapes(other)).toEqual(shapes(mutator));
  });

  test('fresh weights: norms that change nothing, biases of 0, filters of the size that rectifiers keep', () => {
    const fresh = freshWeights(graph, 1);
    expect(fresh.size).toBeGreaterThan(0);
    for (const { op, inputs } of graph.nodes) {
      for (const [place, id] of inputs.entries()) {
        const own = fresh.get(id);
        if (!own) continue;
        const data = Float64Array.from(own.data as Float32Array);
        expect(own.shape).toEqual(graph.constants.get(id)!.tensor.shape);
        if (op === 'BatchNormalization') expect([...new Set(data)]).toEqual([[0, 1, 0, 0, 1][place]]);
        else if (own.shape.length === 4) {
          const fan = data.length / own.shape[0];
          const variance = data.reduce((sum, v) => sum + v * v, 0) / data.length;
          expect(variance).toBeGreaterThan(1 / fan);
          expect(variance).toBeLessThan(4 / fan);
        }
      }
    }
    expect(freshWeights(graph, 1)).toEqual(fresh);
  });
});

describe('a job', () => {
  let bench: JobBench;
  beforeAll(async () => {
    await useCpu();
    bench = await openJobBench(smallClassifier(), { train: 1, validation: 1 });
    await writeNpz(bench.dataPath, { x_train: drawShapes(300, 1).x });
  });
  const finetune = { epochs: 2 };
  const CONFIG = { target: { macs: 0.5 }, finetune, recovery: { samples: 64 }, controls: ['random', 'scratch'] };
  const modelOf = (outDir: string) => readFile(join(outDir, 'model.zip'));

  test('has a row for each, and delivers what it delivers without them', async () => {
    const checkpointDir = join(bench.folder, 'controls');
    const { outcome, outDir, recording } = await bench.run(CONFIG, { checkpointDir });
    const { controls, stages } = outcome.result!;
    expect(controls!.map(({ control }) => control)).toEqual(['random', 'scratch']);
    for (const { agreement, loss, samples } of controls!) {
      expect(agreement).toBeGreaterThanOrEqual(0);
      expect(loss).not.toBe(stages.at(-1)!.loss);
      expect(samples).toBe(30);
    }
    const { summary } = JSON.parse(await readFile(join(outDir, 'report.json'), 'utf8'));
    expect(summary.controls).toEqual(controls);
    expect(recording.progress).toEqual([...recording.progress].sort((a, b) => a - b));
    const { controls: _, ...without } = CONFIG;
    const plain = await bench.run(without);
    expect(plain.outcome.result).not.toHaveProperty('controls');
    expect((await modelOf(plain.outDir)).equals(await modelOf(outDir))).toBe(true);
    // What an earlier attempt ran is not run again.
    const again = await bench.run(CONFIG, { checkpointDir });
    expect(again.outcome.result!.controls).toEqual(controls);
    expect(again.recording.logs.filter((line) => line.startsWith('control '))).toEqual([]);
  });

  test('canceled while they run, it has its result, and those that came to their end', async () => {
    const abort = new AbortController();
    let evaluated = false;
    const { outcome } = await bench.run(CONFIG, {
      signal: abort.signal,
      onPhase: (phase) => {
        if (phase === 'recovering' && evaluated) abort.abort(new Error('stopped'));
        evaluated ||= phase === 'evaluating';
      },
    });
    expect(outcome.status).toBe('canceled');
    expect(outcome.result!.controls).toEqual([]);
    expect(outcome.result!.equivalence).toMatchObject({ ok: true });
  });

  test.each([
    [{ controls: ['random'] }, false, '/controls/0'],
    [{ controls: ['scratch'], finetune: false }, true, '/controls/0'],
    [{ controls: ['random', 'random'] }, true, '/controls/1'],
  ])('%j with data: %j is refused', (config, hasDataset, pointer) => {
    expect(() => resolveConfig(config, { hasDataset })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID', errors: [expect.objectContaining({ pointer })] }),
    );
  });
});
