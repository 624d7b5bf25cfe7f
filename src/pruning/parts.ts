import { ALGORITHM_TYPES, type AlgorithmType } from './algorithms/index.js';
import { CRITERIA, type Criterion } from './importance/index.js';
import { MUTATOR_TYPES, type MutatorType } from './mutators/index.js';
import { UNIT_TYPES, type UnitType } from './units/index.js';

/** What configs can name. One run has one list of each; nothing registers itself. */
export interface FrameworkParts {
  readonly algorithms: readonly AlgorithmType[];
  readonly mutators: readonly MutatorType[];
  readonly unitTypes: readonly UnitType[];
  readonly criteria: readonly Criterion[];
}

/** What a module outside of Espalier adds. */
export type Plugin = { readonly [K in keyof FrameworkParts]?: FrameworkParts[K] };

/** What comes with Espalier. */
export const BUILT_IN_PARTS: FrameworkParts = {
  algorithms: ALGORITHM_TYPES,
  mutators: MUTATOR_TYPES,
  unitTypes: UNIT_TYPES,
  criteria: CRITERIA,
};

/** @throws Error when an added part has a name (or another name of a part) that is taken. */
export function addPlugin(parts: FrameworkParts, plugin: Plugin): FrameworkParts {
  return {
    algorithms: added('algorithms', parts.algorithms, plugin.algorithms),
    mutators: added('mutators', parts.mutators, plugin.mutators),
    unitTypes: added('unitTypes', parts.unitTypes, plugin.unitTypes),
    criteria: added('criteria', parts.criteria, plugin.criteria),
  };
}

interface Named {
  readonly name: string;
  readonly aliases?: readonly string[];
}

function added<T extends Named>(kind: string, known: readonly T[], more: readonly T[] = []): readonly T[] {
  const taken = new Set(known.flatMap(namesOf));
  for (const name of more.flatMap(namesOf)) {
    if (taken.has(name)) throw new Error(`${kind}: the name ${name} is taken`);
    taken.add(name);
  }
  return [...known, ...more];
}

function namesOf({ name, aliases = [] }: Named): string[] {
  return [name, ...aliases];
}
