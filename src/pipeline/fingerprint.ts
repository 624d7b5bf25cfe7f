import { createHash } from 'node:crypto';
import type { JobSpec } from '../contract.js';
import { VERSION } from '../version.js';

/** Of what checkpoints hold: with each field that a run can't do without. */
const LAYOUT = 3;

/** A checkpoint is resumed only by a run that would do the same. */
export function fingerprintOf({ model, dataset, config }: JobSpec): string {
  const text = JSON.stringify([VERSION, LAYOUT, model.sha256, dataset?.sha256, config]);
  return createHash('sha256').update(text).digest('hex');
}
