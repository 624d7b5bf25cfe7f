/** The accuracy benchmark: which rows it asks for, what it keeps of them, and what it says. */
import { appendFile, mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { NETS } from '../../bench/accuracy/nets/index.js';
import { verdicts } from '../../bench/accuracy/report/asked.js';
import { reportText } from '../../bench/accuracy/report/tables.js';
import { ROW_KINDS, type Row, rowsOf } from '../../bench/accuracy/rows/grid.js';
import type { MeasuredRow } from '../../bench/accuracy/rows/measured-row.js';
import { RowLog, rowKey } from '../../bench/accuracy/rows/row-log.js';

const ALL = { nets: NETS, kinds: ROW_KINDS, draws: 3, overlay: {} };
const NET = Uint8Array.of(1, 2, 3);
const STAGE = {
  stage: 'recovered',
  accuracy: null,
  agreement: 0.91,
  loss: null,
  samples: 64,
  interval: null,
  seconds: 7,
} as const;

function measured(row: Partial<Row>, accuracy: number, warnings: readonly string[] = []): MeasuredRow {
  const whole: Row = {
    net: 'plain',
    kind: 'default',
    share: 0.5,
    source: 'images',
    samples: 128,
    draw: 1,
    config: {},
    ...row,
  };
  return {
    key: rowKey(whole, NET, 1),
    row: whole,
    accuracy,
    job: { stages: [STAGE], warnings, headline: '', macsShare: 0.5, equivalent: true },
    costs: { cpuSeconds: 3, seconds: 4, peakBytes: 2e8 },
  };
}

test('a row names each job once, and a target alone is a config with nothing else', () => {
  const rows = rowsOf(ALL);
  const keys = new Set(rows.map((row) => rowKey(row, NET, 1)));
  expect(keys.size).toBe(rows.length);
  expect(rows.filter(({ kind }) => kind === 'default').map(({ config }) => Object.keys(config))).toEqual(
    rows.filter(({ kind }) => kind === 'default').map(() => ['target']),
  );
  const [first, ...others] = rowsOf({ ...ALL, nets: ['residual'], kinds: ['recovered'], shares: [0.3], samples: [0] });
  expect(first.config).toEqual({ target: { macs: 0.3 }, finetune: false });
  expect(others.map(({ config }) => config.seed)).toEqual([2, 3]);
});

test('what is laid over the configs makes other rows', () => {
  const overlay = { recovery: { method: 'statistics' } } as const;
  const [own] = rowsOf(ALL);
  const [laid] = rowsOf({ ...ALL, overlay });
  expect(laid.config).toMatchObject(overlay);
  expect(rowKey(laid, NET, 1)).not.toBe(rowKey(own, NET, 1));
  expect(rowKey(own, NET, 2)).not.toBe(rowKey(own, NET, 1));
});

test('rows that are done are found again; a line that was broken off is not, and harms none after it', async () => {
  const path = join(await mkdtemp(join(tmpdir(), 'espalier-rows-')), 'rows.jsonl');
  const [done, broken, later] = [1, 2, 3].map((draw) => measured({ draw }, 0.7));
  const log = await RowLog.open(path, { fresh: false });
  await log.add(done);
  await appendFile(path, JSON.stringify(broken).slice(0, 40));
  const resumed = await RowLog.open(path, { fresh: false });
  expect(resumed.find(done.key)).toEqual(done);
  expect(resumed.find(broken.key)).toBeUndefined();
  await resumed.add(later);
  const again = await RowLog.open(path, { fresh: false });
  expect([done, broken, later].map(({ key }) => again.find(key)?.row.draw)).toEqual([1, undefined, 3]);
  await RowLog.open(path, { fresh: true });
  await expect(readFile(path)).rejects.toThrow('ENOENT');
});

test('what is asked is judged by the mean of the draws, by what is lost or what is left', () => {
  const plain = [0.712, 0.71].map((accuracy, i) => measured({ draw: i + 1 }, accuracy));
  expect(verdicts(plain, 'plain', 76.4)).toEqual([
    { what: 'plain, default, 128 images, 0.5', asked: '≥ 71.5', found: '71.1', met: false },
  ]);
  const residual = [measured({ net: 'residual' }, 0.75)];
  expect(verdicts(residual, 'residual', 77.8).map(({ asked, found, met }) => [asked, found, met])).toEqual([
    ['loses ≤ 2.7', '2.8', false],
    ['under 25 s of CPU', '3.0 s', true],
  ]);
});

test('recovery that harms is let pass only where it warns', () => {
  const few = { share: 0.9, samples: 8 };
  const judge = (warnings: readonly string[]) =>
    verdicts(
      [measured({ ...few, kind: 'raw' }, 0.7, ['NOT_FASTER']), measured({ ...few, kind: 'recovered' }, 0.69, warnings)],
      'plain',
      76.4,
    ).map(({ found, met }) => [found, met]);
  expect(judge(['NOT_FASTER'])).toEqual([['1.0', false]]);
  expect(judge(['NOT_FASTER', 'FEW_SAMPLES'])).toEqual([['1.0, FEW_SAMPLES', true]]);
});

test('the report has means, spreads, gains of the same draw, and refusals by their code', () => {
  const draws = (kind: Row['kind'], ...found: number[]) => found.map((a, i) => measured({ kind, draw: i + 1 }, a));
  const { job: _, ...bare } = measured({ kind: 'raw', share: 0.15 }, 0);
  const refused = { ...bare, accuracy: null, refused: { code: 'TARGET_UNREACHABLE', message: '' } };
  const rows = [
    ...draws('raw', 0.3, 0.32, 0.34),
    ...draws('recovered', 0.7, 0.71, 0.72),
    ...draws('default', 0.73),
    refused,
  ];
  const text = reportText([{ net: { name: 'plain', path: '' }, accuracy: 0.7644, rows }]);
  expect(text).toContain('| 0.5 | 128 | 32.0 ± 2.0 | 71.0 ± 1.0 | +39.0 | 3.0 | 3.0 | 200 |');
  expect(text).toContain('| 0.15 | 128 | TARGET_UNREACHABLE | – | – | 3.0 | – | – |');
  expect(text).toContain(
    '| 0.5 | 128 | the target alone | 73.0 | +3.0 | 3.0 | 4.0 | 200 | recovered 91.0 agree (7 s) |',
  );
  expect(text).toContain('Met: 1 of 1.');
});
