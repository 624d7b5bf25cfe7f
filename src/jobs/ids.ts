import { monotonicFactory } from 'ulid';

const next = monotonicFactory();

export type IdPrefix = 'job' | 'mdl' | 'dst' | 'req';

/** A new id, greater than every earlier one of this process. @example createId('job') // 'job_01J9…' */
export function createId(prefix: IdPrefix): string {
  return `${prefix}_${next()}`;
}
