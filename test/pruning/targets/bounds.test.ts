/** Floors and caps: what a planner may do to a unit. */
import { describe, expect, test } from 'vitest';
import { graphCost } from '../../../src/graph/cost.js';
import { resolveConfig } from '../../../src/prune-config/index.js';
import { ChannelMutator, type MutatorConfig, planChoices } from '../../../src/pruning/index.js';
import { faultOf } from '../../support/fault-of.js';
import { GraphSketch } from '../../support/graph-sketch.js';

const [A, B] = ['a_(0, 40)_40', 'b_(0, 20)_20'];

function prepared(channel_unit_cfg: MutatorConfig['channel_unit_cfg'] = {}): ChannelMutator {
  const s = new GraphSketch();
  const graph = s.build(s.conv('out', s.conv('b', s.conv('a', s.input('x', 3, 6, 6), 40), 20), 4));
  const mutator = new ChannelMutator({ channel_unit_cfg });
  mutator.prepareFromSupernet(graph);
  return mutator;
}

/** The channels that a plan leaves each unit. */
function planned(mutator: ChannelMutator, macs: number) {
  const plan = planChoices(mutator, { macs }, 'macs');
  mutator.setChoices(plan.choices);
  expect(graphCost(mutator.exportSubnet().graph).macs).toBe(plan.predicted.macs);
  const counts = Object.fromEntries(mutator.mutableUnits.map((unit) => [unit.name, unit.activatedChannels]));
  return { ...plan, counts };
}

const OUT_OF_REACH = 1e-6;

describe('bounds of a plan', () => {
  test('a tenth of its channels is left to a unit that says nothing else', () => {
    expect(planned(prepared(), OUT_OF_REACH).counts).toEqual({ [A]: 4, [B]: 2 });
  });

  test('floors go lower or higher, for all units or for one', () => {
    expect(planned(prepared({ default_args: { floor: 0 } }), OUT_OF_REACH).counts).toEqual({ [A]: 1, [B]: 1 });
    const units = { [B]: { init_args: { floor: 0.5 } } };
    expect(planned(prepared({ default_args: { floor: 0.2 }, units }), OUT_OF_REACH).counts).toEqual({
      [A]: 8,
      [B]: 10,
    });
  });

  test('a cap holds though the target would allow more', () => {
    const plan = planned(prepared({ units: { [A]: { init_args: { cap: 0.5 } } } }), 1);
    expect(plan.counts).toEqual({ [A]: 20, [B]: 20 });
    expect(plan.reachable).toBe(true);
  });

  test('both hold after rounding; where rounding leaves nothing between them, the floor does', () => {
    expect(planned(prepared({ default_args: { floor: 0.3, divisor: 8 } }), OUT_OF_REACH).counts[A]).toBe(16);
    expect(planned(prepared({ default_args: { cap: 0.3, divisor: 8 } }), 1).counts[A]).toBe(8);
    const none = { floor: 0.25, cap: 0.35, divisor: 8, min_ratio: 0.5 };
    expect(planned(prepared({ default_args: none }), 0.5).counts[A]).toBe(16);
  });

  test('ratios are not bounded: who gives one means it', () => {
    const mutator = prepared({ default_args: { floor: 0.5, cap: 0.8 } });
    mutator.setChoices({ [A]: 0.05, [B]: 1 });
    expect(mutator.mutableUnits.map(({ activatedChannels }) => activatedChannels)).toEqual([2, 20]);
  });

  test('they are fields of a config, and of its templates', () => {
    const default_args = { floor: 0.25, cap: 0.75 };
    const { algorithm } = resolveConfig(
      { algorithm: { mutator_cfg: { channel_unit_cfg: { default_args } } } },
      { hasDataset: false },
    );
    expect(algorithm.mutator_cfg.channel_unit_cfg.default_args).toMatchObject(default_args);
    const template = prepared({ default_args }).configTemplate({ withUnitInitArgs: true });
    expect(template.channel_unit_cfg.units[A].init_args).toMatchObject(default_args);
  });

  test.each([
    [{ default_args: { floor: 0.5, cap: 0.2 } }, '/default_args/floor: 0.5 is above cap, 0.2'],
    [{ default_args: { floor: 2 } }, '/default_args/floor: '],
    [{ default_args: { cap: 0 } }, '/default_args/cap: '],
    [{ default_args: { cap: 0.3 }, units: { a: { init_args: { floor: 0.4 } } } }, '/init_args/floor: 0.4 is above'],
  ])('%j is refused', (channel_unit_cfg, message) => {
    const resolve = () => resolveConfig({ algorithm: { mutator_cfg: { channel_unit_cfg } } }, { hasDataset: false });
    expect(faultOf(resolve).message).toContain(message);
  });
});
