import type { ArchiveLimits } from '../src/archive/index.js';
import type { Parse } from './parse.js';

/** What the child of an inspection is asked. */
export interface InspectRequest {
  readonly type: 'inspect';
  readonly kind: 'model' | 'dataset';
  readonly path: string;
  readonly name: string;
  readonly limits: ArchiveLimits;
}

/** By hand: the schemas of protocol.ts take longer to load than most uploads to read, and this comes from our own worker. */
export const parseInspectRequest: Parse<InspectRequest> = (message) => {
  const { type, kind, path, name, limits } = message as InspectRequest;
  const fits =
    type === 'inspect' &&
    (kind === 'model' || kind === 'dataset') &&
    typeof path === 'string' &&
    typeof name === 'string' &&
    typeof limits?.unpackedBytes === 'number';
  return fits ? { type, kind, path, name, limits } : undefined;
};
