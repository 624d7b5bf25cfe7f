import { expect, test } from 'vitest';
import { Scope } from '../../src/pipeline/scope.js';

function opened(names: readonly string[], broken: readonly string[] = []) {
  const scope = new Scope();
  const closed: string[] = [];
  for (const name of names) {
    scope.use({
      close: async () => {
        closed.push(name);
        if (broken.includes(name)) throw new Error(`${name} can't be closed`);
      },
    });
  }
  return { scope, closed };
}

test('what was opened last is closed first, once', async () => {
  const { scope, closed } = opened(['a', 'b', 'c']);
  await scope.close();
  await scope.close();
  expect(closed).toEqual(['c', 'b', 'a']);
});

test('all is closed when one of it can not be, which is told', async () => {
  const { scope, closed } = opened(['a', 'b', 'c'], ['b']);
  await expect(scope.close()).rejects.toThrow("b can't be closed");
  expect(closed).toEqual(['c', 'b', 'a']);
});
