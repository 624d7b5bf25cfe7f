/** `units.json`: single units of 16 channels without layers. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { DEFAULT_UNIT_ARGS, getUnitType, type MutableChannelUnit, ratioOf } from '../../../src/pruning/index.js';
import { describeShared } from '../../shared.js';
import { faultOf } from '../../support/fault-of.js';
import { loneUnit } from '../../support/lone-unit.js';
import { seededRandom } from '../../support/seeded-random.js';

const SOURCE = { weights: () => undefined };

/** Kinds of algorithms that Espalier has none of. Their units are sequential ones with other defaults. */
const OTHER_ALGORITHMS: readonly string[] = ['DCFF', 'DMCP'];

const TYPES: Readonly<Record<string, string>> = {
  Sequential: 'SequentialMutableChannelUnit',
  L1: 'L1MutableChannelUnit',
  OneShot_default: 'OneShotMutableChannelUnit',
  OneShot_num: 'OneShotMutableChannelUnit',
  OneShot_div8: 'OneShotMutableChannelUnit',
  Slimmable: 'SlimmableChannelUnit',
  Slimmable_default: 'SlimmableChannelUnit',
  DCFF: 'SequentialMutableChannelUnit',
  DMCP: 'SequentialMutableChannelUnit',
};

interface Row {
  template: { init_args: Record<string, unknown> & { choice_mode: 'ratio' | 'number' }; choice: number };
  args: Record<string, unknown>;
  is_mutable_alone: boolean;
  candidates: number[] | null;
  initial_choice: number;
  samples: number[];
  set_half_float: number | string;
  set_num_8: number | string;
  set_num_7: number | string;
  mask: number[];
}

describeShared('units, row by row', 'goldens/mmrazor/algorithms/units.json', (file) => {
  const rows: Record<string, Row> = JSON.parse(readFileSync(file, 'utf8'));

  test('every kind of the file has a type here', () => {
    expect(Object.keys(rows).sort()).toEqual(Object.keys(TYPES).sort());
  });

  describe.each(Object.entries(rows))('%s', (kind, row) => {
    /** The default mode here is `ratio`, the original's is a kind's own: the row's template says which. */
    const make = (mode = row.template.init_args.choice_mode): MutableChannelUnit => {
      const type = getUnitType(TYPES[kind]);
      const { num_channels: _, ...given } = OTHER_ALGORITHMS.includes(kind) ? row.template.init_args : row.args;
      const args = { ...DEFAULT_UNIT_ARGS, ...type.defaultArgs, ...given, choice_mode: mode };
      return type.create(loneUnit(16), args, {});
    };

    test('template, candidates and initial choice', () => {
      const unit = make();
      expect(unit.initArgs).toEqual(row.template.init_args);
      expect(unit.candidateChoices ?? null).toEqual(row.candidates);
      expect(unit.currentChoice).toBe(row.initial_choice);
      expect(row.template.choice).toBe(row.initial_choice);
    });

    // Drawn from Python's generator: only where they may lie is to compare.
    test('samples', () => {
      const unit = make();
      const mode = row.template.init_args.choice_mode;
      const all = Array.from({ length: 16 }, (_, i) => (mode === 'number' ? i + 1 : ratioOf(i + 1, 16)));
      const support = new Set(row.candidates ?? all);
      const random = seededRandom(5);
      const drawn = Array.from({ length: 400 }, () => unit.sampleChoice(random));
      expect(new Set(drawn)).toEqual(support);
      for (const sample of row.samples) expect(support.has(sample)).toBe(true);
    });

    test.each([
      ['set_half_float', 'ratio', 0.5],
      ['set_num_8', 'number', 8],
      ['set_num_7', 'number', 7],
    ] as const)('%s', (name, type, choice) => {
      const expected = row[name];
      const mode = row.template.init_args.choice_mode;
      // L1 units without layers have nothing to rank by: a mutator never offers them.
      if (kind === 'L1') {
        expect(expected).toMatch(/ZeroDivisionError/);
        const unit = make(type);
        expect(unit.unfitReason(SOURCE)?.code).toBe('NO_WEIGHTS');
        expect(faultOf(() => unit.setChoice(choice, SOURCE)).code).toBe('IMPORTANCE_INVALID');
        return;
      }
      // A one-shot unit's candidates are of its own mode; of the other, or none of them, is a fault in both.
      const candidates = row.candidates !== null;
      const unit = make(candidates ? mode : type);
      if (typeof expected === 'string') {
        expect(faultOf(() => unit.setChoice(choice, SOURCE)).code).toBe('CHOICE_INVALID');
        return;
      }
      unit.setChoice(choice, SOURCE);
      expect(mode === 'number' ? unit.activatedChannels : unit.activatedChannels / 16).toBe(expected);
    });

    test('mask after the settings above', () => {
      const unit = make(row.candidates ? undefined : 'number');
      for (const name of ['set_half_float', 'set_num_8', 'set_num_7'] as const) {
        const result = row[name];
        if (typeof result === 'number') {
          const counts = row.candidates ? row.template.init_args.choice_mode === 'number' : false;
          unit.setChoice(row.candidates ? result : result <= 1 && !counts ? result * 16 : result, SOURCE);
        }
      }
      expect([...unit.currentMask]).toEqual(row.mask);
    });

    // `is_mutable_alone` (false): here the analysis says which units are mutable, a unit alone says nothing.
    test('is_mutable_alone is not compared', () => expect(row.is_mutable_alone).toBe(false));
  });
});
