import { randomFillSync } from 'node:crypto';
import { monotonicFactory } from 'ulid';

/** The system is asked for so many random bytes at once: asked for each, that takes most of the time of an id. */
const pool = new Uint8Array(4096);
let used = pool.length;

function random(): number {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  return pool[used++] / 256;
}

const next = monotonicFactory(random);

export type IdPrefix = 'job' | 'mdl' | 'dst' | 'req';

/** A new id, greater than every earlier one of this process. @example createId('job') // 'job_01J9…' */
export function createId(prefix: IdPrefix): string {
  return `${prefix}_${next()}`;
}
