/** JSON of strangers. Whatever else reads it afterwards may go through it by recursion, and look at every value. */

import { findExcess } from '../checks/index.js';
import { EspalierError } from '../errors.js';

/** Configs are some ten levels deep. */
const MOST_LEVELS = 64;

/** A config of that many bytes has one value in so many at most: names and their numbers, not rows of digits. */
const BYTES_A_VALUE = 10;

/** Also where a letter of it is escaped. Most texts have neither, and are parsed without looking at each key. */
const SUSPICIOUS = /__proto__|\\u00/i;

/**
 * Parses JSON that is neither too deep nor made of too many values; both are counted before anything is built.
 * @param what names it in the error: `the body`
 * @throws EspalierError BAD_REQUEST
 */
export function parseJson(text: string, what: string, limitBytes: number): unknown {
  const most = { levels: MOST_LEVELS, values: Math.ceil(limitBytes / BYTES_A_VALUE) };
  const excess = findExcess(text, most);
  if (excess === 'levels') throw malformed(what, `is nested deeper than ${most.levels} levels`);
  if (excess === 'values') throw malformed(what, `holds more than ${most.values} values`);
  try {
    return SUSPICIOUS.test(text) ? JSON.parse(text, refusePrototypes) : JSON.parse(text);
  } catch (error) {
    if (error instanceof EspalierError) throw error;
    throw malformed(what, `is not JSON: ${(error as Error).message}`);
  }
}

/** No field of ours is named so, and who copies an object that has it may copy something else. */
function refusePrototypes(key: string, value: unknown): unknown {
  if (key === '__proto__') throw new EspalierError('BAD_REQUEST', `a field may not be named "${key}"`);
  return value;
}

function malformed(what: string, why: string): EspalierError {
  return new EspalierError('BAD_REQUEST', `${what} ${why}`, { errors: [{ pointer: '', message: why }] });
}
