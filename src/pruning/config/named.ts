import { EspalierError } from '../../errors.js';

/** A part by the names that configs may use for it. */
export interface Named {
  readonly name: string;
  /** Other names; the original's among them. */
  readonly aliases?: readonly string[];
}

/** An algorithm's own fields of a config, by name: JSON schemas, whose `default`s are filled in. */
export type AlgorithmParameters = Readonly<Record<string, object>>;

/** The part that a config names. @throws EspalierError CONFIG_INVALID for a name that none has. */
export function getNamed<T extends Named>(what: string, name: string, parts: readonly T[]): T {
  const found = parts.find((part) => part.name === name || part.aliases?.includes(name));
  if (found) return found;
  throw new EspalierError(
    'CONFIG_INVALID',
    `unknown ${what} ${name}; there are ${parts.map((p) => p.name).join(', ')}`,
  );
}
