import { isObject, type Json, type JsonObject, own } from '../json.js';

/** What Keras 3 writes differently: calls with keyword arguments, and objects with a class and a config for plain names. */

/** A tensor among the arguments of a call: the config of a `__keras_tensor__`. */
export interface TensorArgument {
  /** `[layer, node, tensor]` */
  readonly history: Json[];
  readonly declares: JsonObject;
}

/**
 * The tensors among a call's arguments, `{args: [[tensor, …]], kwargs: {}}`, in order; undefined where the entry is no such
 * object. Arguments that are no tensors, such as `training`, don't change what an inference computes.
 */
export function tensorArguments(node: Json): TensorArgument[] | undefined {
  if (!isObject(node) || !Array.isArray(own(node, 'args'))) return undefined;
  const found: TensorArgument[] = [];
  const walk = (value: Json): void => {
    if (Array.isArray(value)) for (const item of value) walk(item);
    else if (isObject(value) && own(value, 'class_name') === '__keras_tensor__') {
      const config = own(value, 'config');
      const history = isObject(config) ? own(config, 'keras_history') : undefined;
      found.push({ history: Array.isArray(history) ? history : [], declares: isObject(config) ? config : {} });
    } else if (isObject(value)) for (const item of Object.values(value)) walk(item);
  };
  walk([own(node, 'args') as Json, own(node, 'kwargs') ?? null]);
  return found;
}

/** The names of a dtype policy's class; the second is that of TensorFlow 2. */
const POLICIES: readonly unknown[] = ['DTypePolicy', 'Policy'];

/** `{class_name: 'DTypePolicy', config: {name: 'float32'}}` is the name; other values stay. */
export function dtypeName(value: Json | undefined): Json | undefined {
  if (!isObject(value)) return value;
  const config = own(value, 'config');
  return POLICIES.includes(own(value, 'class_name')) && isObject(config) ? own(config, 'name') : value;
}
