import { ALGORITHM_TYPES, type AlgorithmType } from './algorithms/index.js';
import type { Named } from './config/named.js';
import { CRITERIA } from './importance/index.js';
import { MUTATOR_TYPES, type MutatorParts } from './mutators/index.js';
import { guardAlgorithmType, guardCriterion, guardMutatorType, guardUnitType } from './plugin-parts.js';
import { UNIT_TYPES } from './units/index.js';

/** What configs can name. One run has one list of each; nothing registers itself. */
export interface FrameworkParts extends MutatorParts {
  readonly algorithms: readonly AlgorithmType[];
}

/** What checking a config needs to know of parts: {@link FrameworkParts}, or the JSON of them from another process. */
export type PartRows = {
  readonly [K in keyof FrameworkParts]: readonly Omit<FrameworkParts[K][number], 'create' | 'importance' | 'ranks'>[];
};

/** What a module outside of Espalier adds. */
export type Plugin = { readonly [K in keyof FrameworkParts]?: FrameworkParts[K] };

/** What comes with Espalier. */
export const BUILT_IN_PARTS: FrameworkParts = {
  algorithms: ALGORITHM_TYPES,
  mutators: MUTATOR_TYPES,
  unitTypes: UNIT_TYPES,
  criteria: CRITERIA,
};

/**
 * @param name what messages call the plugin.
 * @throws Error when the plugin is not lists of parts, or a part's name (or another name of it) is taken.
 */
export function addPlugin(parts: FrameworkParts, plugin: Plugin, name = '(unnamed)'): FrameworkParts {
  checkLists(plugin);
  const own = <T extends Named>(list: keyof FrameworkParts, known: readonly T[], guard: (part: T, name: string) => T) =>
    added(list, known, (plugin[list] ?? []) as unknown as readonly T[]).map((part, i) =>
      i < known.length ? part : guard(part, name),
    );
  return {
    algorithms: own('algorithms', parts.algorithms, guardAlgorithmType),
    mutators: own('mutators', parts.mutators, guardMutatorType),
    unitTypes: own('unitTypes', parts.unitTypes, guardUnitType),
    criteria: own('criteria', parts.criteria, guardCriterion),
  };
}

/** The function that an entry of each list needs. */
const NEEDED: Readonly<Record<keyof FrameworkParts, string>> = {
  algorithms: 'create',
  mutators: 'create',
  unitTypes: 'create',
  criteria: 'importance',
};

function checkLists(plugin: unknown): void {
  if (typeof plugin !== 'object' || plugin === null) {
    throw new Error(`its function gave ${plugin === null ? 'null' : typeof plugin}, an object of lists is needed`);
  }
  for (const [list, entries] of Object.entries(plugin)) {
    const known = Object.keys(NEEDED);
    if (!known.includes(list)) throw new Error(`unknown list ${list}; there are ${known.join(', ')}`);
    if (!Array.isArray(entries)) throw new Error(`${list}: a list is needed, found ${typeof entries}`);
    for (const [i, entry] of entries.entries()) {
      if (typeof entry?.name !== 'string' || entry.name === '') throw new Error(`${list}[${i}]: has no name`);
      const needed = NEEDED[list as keyof FrameworkParts];
      if (typeof entry[needed] !== 'function') throw new Error(`${list}: ${entry.name} has no function ${needed}`);
      const bare = Object.entries(entry.parameters ?? {}).find(([, schema]) => typeof schema !== 'object');
      if (bare) throw new Error(`${list}: ${entry.name} has no schema of its parameter ${bare[0]}`);
    }
  }
}

function added<T extends Named>(list: string, known: readonly T[], more: readonly T[]): readonly T[] {
  const taken = new Set(known.flatMap(namesOf));
  for (const name of more.flatMap(namesOf)) {
    if (taken.has(name)) throw new Error(`${list}: the name ${name} is taken`);
    taken.add(name);
  }
  return [...known, ...more];
}

function namesOf({ name, aliases = [] }: Named): string[] {
  return [name, ...aliases];
}
