import { LONGEST_PART_NAME } from '../checks/index.js';
import { ALGORITHM_TYPES, pruneStepsFault } from './algorithms/index.js';
import type { Named } from './config/named.js';
import { CRITERIA } from './importance/index.js';
import { MUTATOR_TYPES } from './mutators/index.js';
import { type FrameworkParts, rowOf } from './part-rows.js';
import { guardAlgorithmType, guardCriterion, guardMutatorType, guardUnitType } from './plugin-parts.js';
import { UNIT_TYPES } from './units/index.js';

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
      checkNames(list, entry);
      const bare = Object.entries(entry.parameters ?? {}).find(([, schema]) => Object(schema) !== schema);
      if (bare) throw new Error(`${list}: ${entry.name} has no schema of its parameter ${bare[0]}`);
      const unfit = pruneStepsFault(entry.parameters ?? {});
      if (unfit !== undefined) throw new Error(`${list}: ${entry.name}: parameter ${unfit}`);
      checkTold(list as keyof FrameworkParts, entry);
    }
  }
}

function checkNames(list: string, { name, aliases = [] }: Named): void {
  if (!Array.isArray(aliases)) throw new Error(`${list}: the aliases of ${name} are no list`);
  for (const text of [name, ...aliases]) {
    if (typeof text !== 'string') throw new Error(`${list}: ${name} has a name that is ${typeof text}`);
    if (text.length <= LONGEST_PART_NAME) continue;
    throw new Error(`${list}: a name has at most ${LONGEST_PART_NAME} characters, ${text} has ${text.length}`);
  }
}

/** Other processes check configs by the rows of parts. */
function checkTold(list: keyof FrameworkParts, entry: FrameworkParts[typeof list][number]): void {
  try {
    JSON.stringify(rowOf(list, entry));
  } catch (cause) {
    throw new Error(`${list}: ${entry.name} can not be told as JSON: ${(cause as Error).message}`, { cause });
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

export { type FrameworkParts, type PartRows, rowsOf } from './part-rows.js';
