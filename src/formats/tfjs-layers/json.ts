import { EspalierError } from '../../errors.js';

export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [key: string]: Json;
}

const MAX_BYTES = 64 * 1024 ** 2;
const MAX_DEPTH = 100;

/**
 * Parses a stranger's JSON: an object, of bounded size and depth.
 * @throws EspalierError MODEL_INVALID naming the file
 */
export function parseJson(bytes: Uint8Array, file: string): JsonObject {
  const fail = (message: string): never => {
    throw new EspalierError('MODEL_INVALID', `${file}: ${message}`);
  };
  if (bytes.byteLength > MAX_BYTES) return fail(`${bytes.byteLength} bytes of JSON; at most ${MAX_BYTES} are read`);
  let value: Json;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as Json;
  } catch (cause) {
    throw new EspalierError('MODEL_INVALID', `${file} is not valid JSON: ${(cause as Error).message}`, { cause });
  }
  if (exceedsDepth(value)) return fail(`the JSON is nested more than ${MAX_DEPTH} deep`);
  return isObject(value) ? value : fail('the JSON is no object');
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An own property; what `__proto__` or `constructor` would find on the prototype is not there. */
export function own(object: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

/** A value for an error message, short. */
export function show(value: Json | undefined): string {
  const text = value === undefined ? 'absent' : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

function exceedsDepth(root: Json): boolean {
  let level: Json[] = [root];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return true;
    level = level.flatMap((v) => (typeof v === 'object' && v !== null ? Object.values(v) : []));
  }
  return false;
}
