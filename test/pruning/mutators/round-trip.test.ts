/** Templates go through JSON and back, and choices are set all or none, whatever the units. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EspalierError } from '../../../src/errors.js';
import { resolveConfig } from '../../../src/prune-config/index.js';
import { ChannelMutator, createMutator, type MutatorConfig, type UnitArgs } from '../../../src/pruning/index.js';
import { randomGraph } from '../../support/random-graphs.js';
import { seededRandom } from '../../support/seeded-random.js';

const GRAPHS = Array.from({ length: 40 }, (_, i) => randomGraph(i + 1));

const unitArgs = fc.record(
  {
    choice_mode: fc.constantFrom('ratio' as const, 'number' as const, 'bucket' as const),
    divisor: fc.constantFrom(1, 2, 3, 8),
    min_value: fc.constantFrom(1, 2, 5),
    min_ratio: fc.constantFrom(0.5, 0.9, 1),
    candidate_choices: fc.constantFrom([0.25, 0.5, 1], [0.3, 0.9], [1, 2], [1], [0.01]),
  },
  { requiredKeys: [] },
);

interface Setting {
  /** Which of the graphs. */
  readonly graph: number;
  readonly type: string;
  readonly default_args: Partial<UnitArgs>;
  readonly own: readonly Partial<UnitArgs>[];
  readonly seed: number;
}

const settings: fc.Arbitrary<Setting> = fc.record({
  graph: fc.nat({ max: GRAPHS.length - 1 }),
  type: fc.constantFrom('L1ChannelUnit', 'SequentialChannelUnit', 'OneShotChannelUnit', 'SlimmableChannelUnit'),
  default_args: unitArgs,
  /** Of the first units. */
  own: fc.array(unitArgs, { maxLength: 3 }),
  seed: fc.nat(),
});

/** A mutator with such units; undefined where some can't have their arguments (candidates of another mode). */
function mutatorOf({ graph, type, default_args, own }: Setting): ChannelMutator | undefined {
  const plain = new ChannelMutator();
  plain.prepareFromSupernet(GRAPHS[graph]);
  const named = plain.mutableUnits.slice(0, own.length);
  const units = Object.fromEntries(named.map(({ name }, i) => [name, { init_args: own[i] }]));
  try {
    const mutator = new ChannelMutator({ channel_unit_cfg: { type, default_args, units } });
    mutator.prepareFromSupernet(GRAPHS[graph]);
    return mutator;
  } catch (error) {
    if (error instanceof EspalierError && error.code === 'CONFIG_INVALID') return undefined;
    throw error;
  }
}

const options = fc.record({
  onlyMutableUnits: fc.boolean(),
  withUnitInitArgs: fc.boolean(),
  withChannels: fc.boolean(),
});

test('a template that went through JSON makes the same units, masks and template again', () => {
  let made = 0;
  fc.assert(
    fc.property(settings, options, fc.boolean(), (setting, asked, chosen) => {
      const mutator = mutatorOf(setting);
      if (!mutator) return;
      made++;
      if (chosen) mutator.setChoices(mutator.sampleChoices('random', seededRandom(setting.seed)));
      const template = JSON.parse(JSON.stringify(mutator.configTemplate(asked)));
      const configs: MutatorConfig[] = [template];
      if (asked.withChannels && mutator.mutableUnits.length > 0)
        configs.push({ ...template, parse_cfg: { type: 'Config' } });
      for (const config of configs) {
        // As the library takes it, and as a job does.
        const { algorithm } = resolveConfig({ algorithm: { mutator_cfg: config } }, { hasDataset: false });
        for (const mutator_cfg of [config, algorithm.mutator_cfg]) {
          const again = createMutator(mutator_cfg as MutatorConfig & { type: string });
          again.prepareFromSupernet(GRAPHS[setting.graph]);
          expect(again.state).toEqual(mutator.state);
          const repeated = again.configTemplate(asked);
          expect(repeated.channel_unit_cfg.units).toEqual(template.channel_unit_cfg.units);
          expect(repeated.type).toBe(template.type);
        }
      }
    }),
    { numRuns: 300, seed: 1 },
  );
  expect(made).toBeGreaterThan(150);
});

test('current choices are settable, and setting them changes nothing', () => {
  fc.assert(
    fc.property(settings, (setting) => {
      const mutator = mutatorOf(setting);
      if (!mutator) return;
      mutator.setChoices(mutator.sampleChoices('random', seededRandom(setting.seed)));
      const { state, currentChoices } = mutator;
      mutator.setChoices(currentChoices);
      expect(mutator.state).toEqual(state);
    }),
    { numRuns: 300, seed: 2 },
  );
});

test('after choices of which one is refused nothing has changed', () => {
  fc.assert(
    fc.property(settings, fc.constantFrom(Number.NaN, -1, 0, 1e9, 0.123456), fc.nat(), (setting, bad, at) => {
      const mutator = mutatorOf(setting);
      if (!mutator || mutator.mutableUnits.length === 0) return;
      const random = seededRandom(setting.seed);
      mutator.setChoices(mutator.sampleChoices('random', random));
      const before = JSON.stringify([mutator.state, mutator.configTemplate()]);
      const choices = mutator.sampleChoices('random', random);
      const names = Object.keys(choices);
      const spoilt = at % 3 === 0 ? { ...choices, 'no such unit': 1 } : { ...choices, [names[at % names.length]]: bad };
      try {
        mutator.setChoices(spoilt);
      } catch (error) {
        expect(error).toBeInstanceOf(EspalierError);
        expect(JSON.stringify([mutator.state, mutator.configTemplate()])).toBe(before);
      }
    }),
    { numRuns: 400, seed: 3 },
  );
});
