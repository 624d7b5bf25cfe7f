/** Configs that are made in code go through the same names and checks as those of jobs. */
import type { TSchema } from 'typebox';
import { schemaErrors } from '../../checks/index.js';
import { EspalierError } from '../../errors.js';
import { replaceAliases } from './aliases.js';

/**
 * The `algorithm` part of a config, or a piece of it, with aliases of fields replaced and every field checked; nothing is
 * filled in. Fields that are undefined count as absent.
 * @throws EspalierError CONFIG_INVALID naming the first fault by its pointer.
 * @example algorithmInCode(schema, { step_epoch: 2 }) // { step_freq: 2 }
 */
export function algorithmInCode<T extends object>(schema: TSchema, algorithm: T): T {
  const given = Object.fromEntries(Object.entries(algorithm).filter(([, value]) => value !== undefined));
  const canonical = replaceAliases({ algorithm: given });
  const { algorithm: value } = canonical.value as { readonly algorithm: T };
  const faults = schemaErrors(schema, value).map(({ pointer, message }) => ({
    pointer: canonical.asSent(`/algorithm${pointer}`),
    message,
  }));
  const errors = [...canonical.doubled, ...faults].map(({ pointer, message }) => ({
    pointer: pointer.replace(/^\/algorithm/, ''),
    message,
  }));
  if (errors.length === 0) return value;
  throw new EspalierError('CONFIG_INVALID', `${errors[0].pointer}: ${errors[0].message}`, { errors });
}
