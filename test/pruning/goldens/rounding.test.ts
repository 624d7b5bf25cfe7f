/** `make_divisible.json` and `rounding_sequential.json`, row by row, through the units. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { choiceFault } from '../../../src/prune-config/index.js';
import { makeDivisible, SequentialChannelUnit } from '../../../src/pruning/index.js';
import { describeShared } from '../../shared.js';
import { faultOf } from '../../support/fault-of.js';
import { loneUnit } from '../../support/lone-unit.js';

interface Row {
  num_channels: number;
  choice: number;
  choice_type: 'int' | 'float';
  choice_mode: 'number' | 'ratio';
  divisor?: number;
  min_value?: number;
  min_ratio?: number;
  result: { stored: number; activated: number };
}

const SOURCE = { weights: () => undefined };

describeShared('rounding, row by row', 'goldens/mmrazor/algorithms', (folder) => {
  test('make_divisible.json: every row equal', () => {
    const rows = JSON.parse(readFileSync(`${folder}/make_divisible.json`, 'utf8'));
    for (const { value, out, ...rounding } of rows) {
      expect(makeDivisible(value, rounding), JSON.stringify({ value, ...rounding })).toBe(out);
    }
    expect(rows).toHaveLength(1020);
  });

  test('rounding_sequential.json: equal in our domain, a coded error outside of it', () => {
    const rows: Row[] = JSON.parse(readFileSync(`${folder}/rounding_sequential.json`, 'utf8'));
    /** How many rows take each way; none is skipped. */
    const counts = {
      equal: 0,
      /** The original clips 0, negative, above 1 (a ratio) or above N (a number); JSON says what it means here. */
      outsideOurDomain: 0,
      /** It stores 32 for a unit of 31 channels; the mask has 31, which is what we store. */
      storedAboveWidth: 0,
    };
    for (const row of rows) {
      const label = JSON.stringify(row);
      // The original goes by the number's type: that is our mode.
      const args = {
        choice_mode: row.choice_type === 'int' ? ('number' as const) : ('ratio' as const),
        divisor: row.divisor ?? 1,
        min_value: row.min_value ?? 1,
        min_ratio: row.min_ratio ?? 0.9,
      };
      const unit = new SequentialChannelUnit(loneUnit(row.num_channels), args);
      if (choiceFault(row.choice, args, row.num_channels)) {
        expect(faultOf(() => unit.setChoice(row.choice, SOURCE)).code, label).toBe('CHOICE_INVALID');
        counts.outsideOurDomain++;
        continue;
      }
      unit.setChoice(row.choice, SOURCE);
      expect(unit.activatedChannels, label).toBe(row.result.activated);
      const stored = row.choice_mode === 'number' ? unit.activatedChannels : unit.activatedChannels / row.num_channels;
      if (row.result.stored > (row.choice_mode === 'number' ? row.num_channels : 1)) {
        expect(unit.activatedChannels, label).toBe(row.num_channels);
        counts.storedAboveWidth++;
      } else {
        expect(stored, label).toBe(row.result.stored);
        counts.equal++;
      }
    }
    expect(counts.equal + counts.outsideOurDomain + counts.storedAboveWidth).toBe(3300);
    expect(counts.equal).toBeGreaterThan(2000);
    for (const row of rows.filter(({ choice, choice_type }) => choice > 0 && choice_type === 'float' && choice <= 1)) {
      expect(choiceFault(row.choice, { choice_mode: 'ratio', divisor: 1, min_value: 1, min_ratio: 1 })).toBeUndefined();
    }
  });
});
