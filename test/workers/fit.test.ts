import { expect, test } from 'vitest';
import { fitError, fitNames } from '../../workers/fit.js';

test('names are clipped wherever they stand, and stay apart', () => {
  const long = 'n'.repeat(2000);
  const fitted = fitNames({ units: { [`${long}a`]: 1, [`${long}b`]: 2, short: 3 }, names: [long, 'x'], none: null });
  const [a, b, c] = Object.keys(fitted.units);
  expect([a.length, b.length, c]).toEqual([1024, 1016, 'short']);
  expect(Object.values(fitted.units)).toEqual([1, 2, 3]);
  expect(b.endsWith('…#2')).toBe(true);
  expect(fitted.names[0]).toHaveLength(1024);
  expect(fitted.none).toBeNull();
});

test('half of a pair of surrogates is not left', () => {
  expect(fitNames([`${'x'.repeat(1022)}😀😀`])[0]).toBe(`${'x'.repeat(1022)}…`);
});

test('an error keeps its first faults', () => {
  const errors = Array.from({ length: 2000 }, () => ({ pointer: '/x', message: 'm'.repeat(5000) }));
  const fitted = fitError({ code: 'CONFIG_INVALID', message: 'm'.repeat(50_000), errors, retryable: false });
  expect([fitted.message.length, fitted.errors.length, fitted.errors[0].message.length]).toEqual([16_000, 1000, 2000]);
});
