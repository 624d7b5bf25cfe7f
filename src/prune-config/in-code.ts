/** Configs that are made in code go through the same names and checks as those of jobs. */

import { schemaErrors } from '../checks/index.js';
import { EspalierError } from '../errors.js';
import { replaceAliases } from './aliases.js';
import { PruneConfigInput } from './schema.js';

/**
 * The `algorithm` part of a config, or a piece of it, with aliases replaced and every field checked; nothing is filled in.
 * Fields that are undefined count as absent.
 * @throws EspalierError CONFIG_INVALID naming the first fault by its pointer.
 * @example algorithmInCode({ step_epoch: 2 }) // { step_freq: 2 }
 */
export function algorithmInCode<T extends object>(algorithm: T): T {
  const given = Object.fromEntries(Object.entries(algorithm).filter(([, value]) => value !== undefined));
  const canonical = replaceAliases({ algorithm: given });
  const errors = [
    ...canonical.doubled,
    ...schemaErrors(PruneConfigInput, canonical.value).map(({ pointer, message }) => ({
      pointer: canonical.asSent(pointer),
      message,
    })),
  ].map(({ pointer, message }) => ({ pointer: pointer.replace(/^\/algorithm/, ''), message }));
  if (errors.length > 0) {
    throw new EspalierError('CONFIG_INVALID', `${errors[0].pointer}: ${errors[0].message}`, { errors });
  }
  return (canonical.value as { readonly algorithm: T }).algorithm;
}
