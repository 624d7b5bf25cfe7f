import type { AlgorithmType } from './algorithms/index.js';
import type { MutatorParts } from './mutators/index.js';

/** What configs can name. One run has one list of each; nothing registers itself. */
export interface FrameworkParts extends MutatorParts {
  readonly algorithms: readonly AlgorithmType[];
}

/** What checking a config needs to know of parts: {@link FrameworkParts}, or what another process says of them. */
export type PartRows = {
  readonly [K in keyof FrameworkParts]: readonly Omit<
    FrameworkParts[K][number],
    'create' | 'importance' | 'ranks' | 'bySamples' | 'taken'
  >[];
};

/** Every field of a row: one that is left out does not compile. */
const FIELDS: { readonly [K in keyof PartRows]: Readonly<Record<keyof PartRows[K][number], true>> } = {
  algorithms: { name: true, aliases: true, parameters: true },
  mutators: { name: true, aliases: true, unitType: true },
  unitTypes: { name: true, aliases: true, takesCriterion: true, defaultArgs: true },
  criteria: { name: true, aliases: true, about: true, needs: true, cost: true },
};

/** What a part says of itself and nothing else that it has; it may be an object of a class, or a class. */
export function rowOf<K extends keyof PartRows>(list: K, part: PartRows[K][number]): PartRows[K][number] {
  const fields = Object.keys(FIELDS[list]) as (keyof typeof part)[];
  const told = fields.map((field) => [field, part[field]]).filter(([, value]) => value !== undefined);
  return Object.fromEntries(told);
}

export function rowsOf({ algorithms, mutators, unitTypes, criteria }: PartRows): PartRows {
  return {
    algorithms: algorithms.map((part) => rowOf('algorithms', part)),
    mutators: mutators.map((part) => rowOf('mutators', part)),
    unitTypes: unitTypes.map((part) => rowOf('unitTypes', part)),
    criteria: criteria.map((part) => rowOf('criteria', part)),
  };
}
