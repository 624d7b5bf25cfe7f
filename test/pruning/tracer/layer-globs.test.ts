import fc from 'fast-check';
import { expect, test } from 'vitest';
import { layerGlobs } from '../../../src/pruning/tracer/index.js';

const match = (glob: string, layer: string) => layerGlobs([glob])(layer);

test.each([
  ['head/*', 'head/dense_1', true],
  ['head/*', 'head/a/b', false],
  ['head/**', 'head/a/b', true],
  ['**/b', 'head/a/b', true],
  ['*', '', true],
  ['', '', true],
  ['', 'a', false],
  ['a?c', 'abc', true],
  ['a?c', 'a/c', false],
  ['a.c', 'abc', false],
  ['[a]*', '[a]\nb', true],
  ['**a*b', 'x/a/ab', true],
  ['***', 'a/b', true],
])('%s and %s: %s', (glob, layer, expected) => expect(match(glob, layer)).toBe(expected));

test('a name matches where the regular expression of its glob does', () => {
  const regex = (glob: string) => {
    const part = (token: string) =>
      ({ '**': '.*', '*': '[^/]*', '?': '[^/]' })[token] ?? token.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    return new RegExp(`^${(glob.match(/\*\*|./gs) ?? []).map(part).join('')}$`, 's');
  };
  const text = (letters: string) => fc.string({ unit: fc.constantFrom(...letters), maxLength: 8 });
  fc.assert(
    fc.property(text('ab/*?*.'), text('ab/.'), (glob, name) => match(glob, name) === regex(glob).test(name)),
    { numRuns: 3000 },
  );
});

test.each([
  ['*', 'a'.repeat(10_000)],
  ['*a', 'a'.repeat(9999)],
  ['**a', 'a/'.repeat(5000)],
])('a thousand times %s, and another character, are matched in linear time', (star, name) => {
  const startedMs = performance.now();
  expect(match(`${star.repeat(1000)}b`, name)).toBe(false);
  // It takes some 20; with a regular expression it does not end.
  expect(performance.now() - startedMs).toBeLessThan(500);
});
