/** The guide's and the original's other names for the same things. */
import { isRecord, pointer } from '../../checks/index.js';

/** Field names, by the pointer of the object that they stand in. */
const FIELDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '/algorithm': { step_epoch: 'step_freq' },
  '/algorithm/mutator_cfg': { channl_unit_cfg: 'channel_unit_cfg' },
  '/target': { flops: 'macs' },
};

/** Values of `type`: names by alias, by the pointer of the field. */
export type TypeAliases = Readonly<Record<string, Readonly<Record<string, string>>>>;

export interface Canonical {
  readonly value: unknown;
  /** Fields given under two names at once, by pointer as sent. */
  readonly doubled: readonly { pointer: string; message: string }[];
  /** A pointer into `value`, as the user wrote it. */
  asSent(pointer: string): string;
}

/** A copy of a config with every alias replaced. */
export function replaceAliases(input: unknown, types: TypeAliases = {}): Canonical {
  const doubled: { pointer: string; message: string }[] = [];
  const renamed: { from: string; to: string }[] = [];

  const copy = (value: unknown, at: string): unknown => {
    const type = types[at];
    if (type && typeof value === 'string') return Object.hasOwn(type, value) ? type[value] : value;
    if (!isRecord(value) || at.split('/').length > 4) return value;
    const fields = FIELDS[at] ?? {};
    const out: [string, unknown][] = [];
    for (const [key, child] of Object.entries(value)) {
      const name = Object.hasOwn(fields, key) ? fields[key] : key;
      if (name !== key) {
        if (Object.hasOwn(value, name)) {
          doubled.push({ pointer: at + pointer(key), message: `is another name of "${name}", which is given too` });
          continue;
        }
        renamed.push({ from: at + pointer(key), to: at + pointer(name) });
      }
      out.push([name, copy(child, at + pointer(name))]);
    }
    return Object.fromEntries(out);
  };

  return {
    value: copy(input, ''),
    doubled,
    asSent: (text) => {
      for (const { from, to } of renamed) {
        if (text === to || text.startsWith(`${to}/`)) return from + text.slice(to.length);
      }
      return text;
    },
  };
}
