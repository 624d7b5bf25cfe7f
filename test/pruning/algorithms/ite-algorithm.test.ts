import { describe, expect, test } from 'vitest';
import { EspalierError } from '../../../src/errors.js';
import type { Graph } from '../../../src/graph/graph.js';
import type { Tensor } from '../../../src/graph/tensor.js';
import {
  type AlgorithmType,
  BUILT_IN_PARTS,
  createAlgorithm,
  IteAlgorithm,
  type IteConfig,
  type PruneStep,
  type Trainer,
  type TrainStretch,
} from '../../../src/pruning/index.js';
import { faultOf } from '../../support/fault-of.js';
import { GraphSketch } from '../../support/graph-sketch.js';

const UNIT = 'a_(0, 10)_10';

function network(): Graph {
  const s = new GraphSketch();
  return s.build(s.conv('out', s.conv('a', s.input('x', 3, 6, 6), 10), 4));
}

/**
 * Trains the sliced weights in place (each iteration adds a little to them) and writes down what it was told to do. What
 * it does to weights depends on the iteration alone, so runs can be compared.
 */
class CountingTrainer implements Trainer {
  readonly iterationsPerEpoch: number;
  readonly log: string[] = [];
  full: Map<string, Tensor>;
  readonly #algorithm: IteAlgorithm;
  #onTrain: (stretch: TrainStretch) => void;

  constructor(algorithm: IteAlgorithm, iterationsPerEpoch = 4, onTrain: (stretch: TrainStretch) => void = () => {}) {
    this.#algorithm = algorithm;
    this.iterationsPerEpoch = iterationsPerEpoch;
    this.full = new Map(algorithm.mutator.weights);
    this.#onTrain = onTrain;
  }

  async fullWeights(): Promise<ReadonlyMap<string, Tensor>> {
    return this.full;
  }

  async prune({ step, pruneTimes, epoch, iteration, choices }: PruneStep): Promise<void> {
    const kept = Object.values(choices).map((record) => record.activatedChannels);
    this.log.push(`prune ${step + 1}/${pruneTimes} at ${epoch}:${iteration} to ${kept}`);
  }

  async train(stretch: TrainStretch): Promise<void> {
    const { epoch, from, to, endsEpoch } = stretch;
    this.log.push(`train ${epoch}:${from}-${to}${endsEpoch ? ' end' : ''}`);
    this.#onTrain(stretch);
    const subnet = this.#algorithm.mutator.exportSubnet();
    const trained = subnet.sliceTensors(this.full);
    for (let i = from; i < to; i++) {
      for (const { data } of trained.values()) {
        for (let j = 0; j < data.length; j++) (data as Float32Array)[j] += Math.sin(epoch * 100 + i + j) / 4;
      }
    }
    this.full = subnet.writeBack(this.full, trained);
  }
}

const HALF: IteConfig = { target_pruning_ratio: 0.5, prune_times: 3, step_freq: 2 };

describe('IteAlgorithm', () => {
  test('prunes by epochs, first before any training, and trains to the end', async () => {
    const algorithm = new IteAlgorithm(network(), {
      target_pruning_ratio: { [UNIT]: 0.4 },
      prune_times: 3,
      step_freq: 2,
    });
    const trainer = new CountingTrainer(algorithm);
    await algorithm.run(trainer, { epochs: 6 });
    expect(trainer.log).toEqual([
      'prune 1/3 at 0:0 to 8',
      'train 0:0-4 end',
      'train 1:0-4 end',
      'prune 2/3 at 2:8 to 6',
      'train 2:0-4 end',
      'train 3:0-4 end',
      'prune 3/3 at 4:16 to 4',
      'train 4:0-4 end',
      'train 5:0-4 end',
    ]);
    expect(algorithm.mutator.currentChoices).toEqual({ [UNIT]: 0.4 });
  });

  test('prunes by iterations when there is one epoch', async () => {
    const algorithm = new IteAlgorithm(network(), { ...HALF, prune_times: 2, linear_schedule: false });
    const trainer = new CountingTrainer(algorithm);
    await algorithm.run(trainer, { epochs: 1 });
    expect(trainer.log).toEqual(['prune 1/2 at 0:0 to 5', 'train 0:0-2', 'prune 2/2 at 0:2 to 5', 'train 0:2-4 end']);
  });

  test('prunes in one go without training', async () => {
    const algorithm = new IteAlgorithm(network(), HALF);
    const trainer = new CountingTrainer(algorithm);
    await algorithm.run(trainer, { epochs: 0 });
    expect(trainer.log).toEqual(['prune 1/1 at 0:0 to 5']);
  });

  test('a schedule that training ends before is refused', async () => {
    const algorithm = new IteAlgorithm(network(), HALF);
    const run = algorithm.run(new CountingTrainer(algorithm), { epochs: 4 });
    await expect(run).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('more than 4 epochs'),
    });
  });

  test('trained weights go back into the full ones; what is pruned stays as it was', async () => {
    const graph = network();
    const algorithm = new IteAlgorithm(graph, { target_pruning_ratio: 0.5 });
    const trainer = new CountingTrainer(algorithm);
    await algorithm.run(trainer, { epochs: 2 });
    const kept = new Set(algorithm.mutator.mutableUnits[0].keptIndices);
    const before = graph.constants.get('a.bias')!.tensor.data;
    const after = trainer.full.get('a.bias')!.data;
    for (let c = 0; c < 10; c++) expect(after[c] === before[c]).toBe(!kept.has(c));
  });

  test('stopped after any epoch and resumed it ends with the same weights and masks', async () => {
    const whole = new IteAlgorithm(network(), HALF);
    const undisturbed = new CountingTrainer(whole);
    await whole.run(undisturbed, { epochs: 6 });

    for (const stopAt of [1, 2, 3, 4, 5]) {
      const stop = new AbortController();
      const first = new IteAlgorithm(network(), HALF);
      const trainer = new CountingTrainer(first, 4, ({ epoch }) => {
        if (epoch === stopAt - 1) stop.abort(new Error('stopped'));
      });
      await expect(first.run(trainer, { epochs: 6, signal: stop.signal })).rejects.toThrow('stopped');
      const checkpoint = { masks: JSON.parse(JSON.stringify(first.mutator.state)), weights: trainer.full };

      const second = new IteAlgorithm(network(), HALF);
      second.mutator.restoreState(checkpoint.masks);
      const resumed = new CountingTrainer(second);
      resumed.full = checkpoint.weights;
      await second.run(resumed, { epochs: 6, startEpoch: stopAt });
      expect(second.mutator.state).toEqual(whole.mutator.state);
      expect(resumed.full).toEqual(undisturbed.full);
      expect([...trainer.log, ...resumed.log]).toEqual(undisturbed.log);
    }
  });

  test('buckets take the next candidate above on their way', async () => {
    const args = { choice_mode: 'bucket' as const, candidate_choices: [0.3, 0.8, 1] };
    const mutator_cfg = { type: 'ChannelMutator', channel_unit_cfg: { default_args: args } };
    const algorithm = new IteAlgorithm(network(), { mutator_cfg, target_pruning_ratio: 0.3, prune_times: 3 });
    const trainer = new CountingTrainer(algorithm);
    await algorithm.run(trainer, { epochs: 3 });
    expect(trainer.log.filter((line) => line.startsWith('prune'))).toEqual([
      'prune 1/3 at 0:0 to 8',
      'prune 2/3 at 1:4 to 8',
      'prune 3/3 at 2:8 to 3',
    ]);
  });

  test("takes the guide's older name of step_freq", () => {
    const config = { target_pruning_ratio: 0.5, step_epoch: 3, prune_times: 2 } as IteConfig;
    expect(new IteAlgorithm(network(), config).schedule(6, 10).lastPruneIteration).toBe(30);
  });

  test.each<[string, object]>([
    ['step_freq: ', { step_freq: 0 }],
    ['step_freq: ', { step_freq: 0.5 }],
    ['prune_times: ', { prune_times: 0 }],
    ['prune_times: ', { prune_times: Number.NaN }],
    ['target_prunning_ratio: unknown field', { target_prunning_ratio: 0.5 }],
  ])('%s refused, as in jobs: %j', (message, config) => {
    const fault = faultOf(() => new IteAlgorithm(network(), config as IteConfig));
    expect(fault).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) });
  });

  test('targets of unknown units are refused', () => {
    expect(() => new IteAlgorithm(network(), { target_pruning_ratio: { nope: 0.5 } })).toThrow(EspalierError);
    expect(() => new IteAlgorithm(network(), { target_pruning_ratio: 2 })).toThrow(/share in \(0, 1\]/);
  });

  test('an algorithm is made with its own parameters, checked and filled in', () => {
    const parameters = { rounds: { type: 'integer', minimum: 1, default: 2 } };
    const made: unknown[] = [];
    const create: AlgorithmType['create'] = (graph, config) => {
      made.push(config);
      return new IteAlgorithm(graph);
    };
    const parts = { ...BUILT_IN_PARTS, algorithms: [{ name: 'Mine', parameters, create }] };
    createAlgorithm(network(), { type: 'Mine' }, parts);
    createAlgorithm(network(), { type: 'Mine', rounds: 5, target_pruning_ratio: 0.5 }, parts);
    expect(made).toEqual([{ rounds: 2 }, { rounds: 5, target_pruning_ratio: 0.5 }]);
    const fault = faultOf(() => createAlgorithm(network(), { type: 'Mine', rounds: 0 }, parts));
    expect(fault).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining('/rounds: must be >= 1') });
    expect(faultOf(() => createAlgorithm(network(), { type: 'Mine', prune_times: 2 }, parts)).message).toContain(
      '/prune_times: unknown field',
    );
  });

  test('algorithms are found by their names and aliases', () => {
    expect(createAlgorithm(network(), { type: 'ItePruneAlgorithm' })).toBeInstanceOf(IteAlgorithm);
    expect(() => createAlgorithm(network(), { type: 'Nope' })).toThrow(/IteAlgorithm/);
  });
});
