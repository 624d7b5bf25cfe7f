import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, test } from 'vitest';
import { SHARED } from './shared-folder.js';

export { SHARED };

/**
 * A `describe` whose tests need `SHARED/path`. Where it is absent, it is skipped with one line, or fails when
 * `ESPALIER_REQUIRE_SHARED=1`.
 */
export function describeShared(name: string, path: string, body: (folder: string) => void | Promise<void>): void {
  const folder = resolve(SHARED, path);
  if (existsSync(folder)) {
    describe(name, () => body(folder));
  } else if (process.env.ESPALIER_REQUIRE_SHARED === '1') {
    test(name, () => {
      throw new Error(`${path} is required (ESPALIER_REQUIRE_SHARED=1) and absent from the shared folder`);
    });
  } else {
    describe.skip(`${name} (needs shared/${path})`, () => {
      test('skipped', () => {});
    });
  }
}
