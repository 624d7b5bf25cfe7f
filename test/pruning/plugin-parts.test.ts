import { describe, expect, test } from 'vitest';
import type { Graph } from '../../src/graph/graph.js';
import {
  addPlugin,
  BaseAlgorithm,
  BUILT_IN_PARTS,
  ChannelMutator,
  type ChannelUnit,
  CriterionChannelUnit,
  createAlgorithm,
  type ImportanceSource,
  L1ChannelUnit,
  type Plugin,
  type RunOptions,
  type Trainer,
  type UnitArgs,
} from '../../src/pruning/index.js';
import { faultOf } from '../support/fault-of.js';
import { GraphSketch } from '../support/graph-sketch.js';

const UNIT = 'a_(0, 8)_8';

function network(): Graph {
  const s = new GraphSketch();
  return s.build(s.conv('out', s.conv('a', s.input('x', 3, 4, 4), 8), 2));
}

function mutatorWith(plugin: Plugin, type: string, criterion?: string): ChannelMutator {
  const parts = addPlugin(BUILT_IN_PARTS, plugin, 'mine.js');
  const mutator = new ChannelMutator({ channel_unit_cfg: { type, ...(criterion ? { criterion } : {}) }, parts });
  mutator.prepareFromSupernet(network());
  return mutator;
}

const boom = (): never => {
  throw new TypeError('boom');
};

const idle: Trainer = {
  iterationsPerEpoch: 1,
  fullWeights: async () => new Map(),
  prune: async () => {},
  train: async () => {},
};

describe('a part is what its fields say, wherever it has them from', () => {
  test('an object of a class', () => {
    class LastFirst {
      readonly #name = 'last_first';
      get name() {
        return this.#name;
      }
      importance(): Float64Array {
        return Float64Array.from({ length: this.#name.length - 2 }, (_, channel) => channel);
      }
    }
    const mutator = mutatorWith({ criteria: [new LastFirst()] }, 'CriterionChannelUnit', 'last_first');
    mutator.setChoices({ [UNIT]: 0.25 });
    expect([...mutator.mutableUnits[0].currentMask]).toEqual([0, 0, 0, 0, 0, 0, 1, 1]);
  });

  test('a class', () => {
    class Numbered extends L1ChannelUnit {
      static readonly aliases = ['Counted'];
      static readonly defaultArgs = { choice_mode: 'number' } as const;
      static create(unit: ChannelUnit, args: UnitArgs) {
        return new this(unit, args);
      }
    }
    const mutator = mutatorWith({ unitTypes: [Numbered] }, 'Counted');
    expect(mutator.setChoices({ [UNIT]: 3 })).toMatchObject({ [UNIT]: { activatedChannels: 3 } });
    expect(mutator.configTemplate().channel_unit_cfg.type).toBe('Numbered');
  });
});

describe('what goes wrong in a part of a plugin names it', () => {
  test.each<[string, () => Float64Array, string]>([
    ['throws', boom, 'boom'],
    ['gives too few numbers', () => new Float64Array(3), `gave 3 numbers for unit ${UNIT}, 8 numbers are needed`],
    ['gives NaN', () => new Float64Array(8).fill(Number.NaN), `gave NaN for channel 0 of unit ${UNIT}`],
  ])('a criterion that %s', (_name, importance, message) => {
    const fault = faultOf(() => {
      const mutator = mutatorWith({ criteria: [{ name: 'odd', importance }] }, 'CriterionChannelUnit', 'odd');
      mutator.setChoices({ [UNIT]: 0.5 });
    });
    expect(fault.code).toBe('PLUGIN_FAILED');
    expect(fault.message).toContain(`criterion odd of plugin mine.js: ${message}`);
  });

  class Failing extends L1ChannelUnit {
    override importance = boom;
  }
  class Odd extends L1ChannelUnit {
    override importance(_source: ImportanceSource) {
      return new Float64Array(2);
    }
  }
  test.each<[string, Plugin, string]>([
    ['that can not be made', { unitTypes: [{ name: 'Mine', create: boom }] }, 'boom'],
    [
      'that is no unit',
      { unitTypes: [{ name: 'Mine', create: () => ({}) as L1ChannelUnit }] },
      'create gave object, a MutableChannelUnit is needed',
    ],
    ['that fails', { unitTypes: [{ name: 'Mine', create: (unit) => new Failing(unit) }] }, 'boom'],
    ['that ranks too few', { unitTypes: [{ name: 'Mine', create: (unit) => new Odd(unit) }] }, 'gave 2 numbers'],
    [
      'whose own criterion gives NaN',
      {
        unitTypes: [
          {
            name: 'Mine',
            create: (unit) =>
              new CriterionChannelUnit(unit, { name: 'own', importance: () => new Float64Array(8).fill(Number.NaN) }),
          },
        ],
      },
      'criterion own gave NaN',
    ],
  ])('a unit %s', (_name, plugin, message) => {
    const fault = faultOf(() => {
      const [unit] = mutatorWith(plugin, 'Mine').mutableUnits;
      unit.importance({ weights: () => undefined });
    });
    expect(fault.code).toBe('PLUGIN_FAILED');
    expect(fault.message).toContain(`unit type Mine of plugin mine.js: ${message}`);
  });

  class Broken extends BaseAlgorithm {
    async run(): Promise<void> {
      boom();
    }
  }
  class Training extends BaseAlgorithm {
    async run(trainer: Trainer, { signal }: RunOptions): Promise<void> {
      await trainer.train({ epoch: 0, from: 0, to: 1, endsEpoch: true }, signal);
    }
  }
  const algorithmOf = (kind: typeof Broken | typeof Training) => {
    const create = (graph: Parameters<typeof createAlgorithm>[0]) => new kind(graph);
    const parts = addPlugin(BUILT_IN_PARTS, { algorithms: [{ name: 'Mine', create }] }, 'mine.js');
    return createAlgorithm(network(), { type: 'Mine' }, parts);
  };

  test('an algorithm that fails', async () => {
    await expect(algorithmOf(Broken).run(idle, { epochs: 1 })).rejects.toMatchObject({
      code: 'PLUGIN_FAILED',
      message: 'algorithm Mine of plugin mine.js: boom',
    });
  });

  test("the trainer's errors and the signal's reason are none of the algorithm's", async () => {
    const disk = new Error('disk');
    const failing = { ...idle, train: async () => Promise.reject(disk) };
    await expect(algorithmOf(Training).run(failing, { epochs: 1 })).rejects.toBe(disk);
    const stop = AbortSignal.abort(new Error('stopped'));
    const stopped = { ...idle, train: async () => stop.throwIfAborted() };
    await expect(algorithmOf(Training).run(stopped, { epochs: 1, signal: stop })).rejects.toBe(stop.reason);
  });
});
