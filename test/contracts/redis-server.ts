import { spawnSync } from 'node:child_process';
import { describe, test } from 'vitest';

export { freePort, type PrivateRedis, startRedis } from '../support/private-redis.js';

const hasRedis = spawnSync('redis-server', ['--version']).status === 0;

/** A `describe` that needs `redis-server` on PATH: skipped with one line without, or failed where ESPALIER_REQUIRE_REDIS=1. */
export function describeRedis(name: string, body: () => void): void {
  if (hasRedis) describe(name, body);
  else if (process.env.ESPALIER_REQUIRE_REDIS === '1')
    test(name, () => {
      throw new Error('redis-server is required (ESPALIER_REQUIRE_REDIS=1) and not on PATH');
    });
  else describe.skip(`${name} (needs redis-server on PATH)`, () => test('skipped', () => {}));
}
