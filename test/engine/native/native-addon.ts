import { describe, test } from 'vitest';
import { type Addon, loadAddon } from '../../../src/engine/native/index.js';

/**
 * A `describe` whose tests need the built native engine. Where there is none it is skipped with one line, or fails when
 * `ESPALIER_REQUIRE_NATIVE=1`.
 */
export function describeNative(name: string, body: (addon: Addon) => void): void {
  const loaded = loadAddon();
  if ('addon' in loaded) {
    describe(name, () => body(loaded.addon));
  } else if (process.env.ESPALIER_REQUIRE_NATIVE === '1') {
    test(name, () => {
      throw new Error(`the native engine is required (ESPALIER_REQUIRE_NATIVE=1): ${loaded.reason}`);
    });
  } else {
    describe.skip(`${name} (${loaded.reason})`, () => {
      test('skipped', () => {});
    });
  }
}
