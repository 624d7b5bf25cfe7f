/** `make_divisible.json` and `rounding_sequential.json`, row by row, through the units. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
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
    const counts = { equal: 0, coded: 0 };
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
      // The original clips the others: 0, negative ones, shares above 1, numbers above the unit's channels.
      const most = row.choice_type === 'int' ? row.num_channels : 1;
      const least = row.choice_type === 'int' ? 1 : Number.MIN_VALUE;
      if (row.choice < least || row.choice > most) {
        expect(faultOf(() => unit.setChoice(row.choice, SOURCE)).code, label).toBe('CHOICE_INVALID');
        counts.coded++;
        continue;
      }
      const { choice, activatedChannels } = unit.setChoice(row.choice, SOURCE);
      expect(choice, label).toBe(row.choice);
      expect(activatedChannels, label).toBe(row.result.activated);
      expect([...unit.currentMask].lastIndexOf(1), label).toBe(row.result.activated - 1);
      // What it stores is in the unit of its mode, whatever the choice was in.
      const stored = row.choice_mode === 'number' ? activatedChannels : activatedChannels / row.num_channels;
      expect(stored, label).toBe(row.result.stored);
      counts.equal++;
    }
    expect(counts).toEqual({ equal: 2360, coded: 940 });
  });
});
