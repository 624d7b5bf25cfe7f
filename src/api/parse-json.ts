/** JSON of strangers. Whatever else reads it afterwards may go through it by recursion, and look at every value. */
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
  checkSize(text, what, Math.ceil(limitBytes / BYTES_A_VALUE));
  try {
    return SUSPICIOUS.test(text) ? JSON.parse(text, refusePrototypes) : JSON.parse(text);
  } catch (error) {
    if (error instanceof EspalierError) throw error;
    throw malformed(what, `is not JSON: ${(error as Error).message}`);
  }
}

function checkSize(text: string, what: string, mostValues: number): void {
  let levels = 0;
  let values = 1;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case 0x22: // "
        i = endOfString(text, i);
        break;
      case 0x5b: // [
      case 0x7b: // {
        levels += 1;
        values += 1;
        if (levels > MOST_LEVELS) throw malformed(what, `is nested deeper than ${MOST_LEVELS} levels`);
        break;
      case 0x5d: // ]
      case 0x7d: // }
        levels -= 1;
        break;
      case 0x2c: // ,
        values += 1;
        break;
    }
    if (values > mostValues) throw malformed(what, `holds more than ${mostValues} values`);
  }
}

/** Where the string that begins at `start` ends: at its closing quote, or with the text. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x5c) i += 1;
    else if (code === 0x22) return i;
  }
  return text.length;
}

/** No field of ours is named so, and who copies an object that has it may copy something else. */
function refusePrototypes(key: string, value: unknown): unknown {
  if (key === '__proto__') throw new EspalierError('BAD_REQUEST', `a field may not be named "${key}"`);
  return value;
}

function malformed(what: string, why: string): EspalierError {
  const errors = [{ pointer: '', message: why }];
  return new EspalierError('BAD_REQUEST', `${what} ${why}`, { errors });
}
