import { EspalierError } from '../../errors.js';
import { type Json, type JsonObject, own, show } from './json.js';

/** What no extent of a tensor and no count of a layer may pass. */
export const MAX_EXTENT = 2 ** 31 - 1;

/** The fields of a layer's config, checked one by one: errors name the layer, the field, what it is and what it may be. */
export class Fields {
  readonly #layer: string;
  readonly #config: JsonObject;

  constructor(layer: string, config: JsonObject) {
    this.#layer = layer;
    this.#config = config;
  }

  /** Absent and null are the same in Keras's configs. */
  get(key: string): Json | undefined {
    return own(this.#config, key) ?? undefined;
  }

  int(key: string, options: { min: number; fallback?: number }): number {
    const value = this.get(key) ?? options.fallback;
    return this.#int(key, value, options.min);
  }

  number(key: string, fallback?: number): number {
    const value = this.get(key) ?? fallback;
    if (typeof value !== 'number') throw this.fault(key, 'a number');
    return value;
  }

  bool(key: string, fallback: boolean): boolean {
    const value = this.get(key) ?? fallback;
    if (typeof value !== 'boolean') throw this.fault(key, 'true or false');
    return value;
  }

  choice<T extends string>(key: string, choices: readonly T[], fallback: T): T {
    const value = this.get(key) ?? fallback;
    const choice = choices.find((c) => c === value);
    if (choice === undefined) throw this.fault(key, `one of ${choices.join(', ')}`);
    return choice;
  }

  /** As many numbers as the layer has spatial axes, or one for all. */
  tuple(key: string, length: number, options: { min: number; fallback?: number | readonly number[] }): number[] {
    const { fallback, min } = options;
    const value = this.get(key) ?? (typeof fallback === 'object' ? [...fallback] : fallback);
    const values = Array.isArray(value) && value.length > 0 ? value : [value];
    if (values.length !== length && values.length !== 1) throw this.fault(key, `a whole number, or ${length}`);
    return Array.from({ length }, (_, i) => this.#int(key, values.length === 1 ? values[0] : values[i], min));
  }

  /** @param options.null what a null in the list stands for; absent: it may hold none */
  ints(key: string, options: { min: number; null?: number }): number[] {
    const value = this.get(key);
    if (!Array.isArray(value)) throw this.fault(key, 'a list of whole numbers');
    return value.map((v) => this.#int(key, v ?? options.null, options.min));
  }

  fault(key: string, expected: string): EspalierError {
    return this.error(`${key} is ${show(this.get(key))}; expected ${expected}`);
  }

  error(message: string): EspalierError {
    return new EspalierError('LAYER_INVALID', `layer ${this.#layer}: ${message}`);
  }

  #int(key: string, value: Json | undefined, min: number): number {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min) {
      throw this.fault(key, `whole numbers from ${min}`);
    }
    if (value > MAX_EXTENT) {
      throw new EspalierError('SHAPE_OVERFLOW', `layer ${this.#layer}: ${key} is ${value}; at most ${MAX_EXTENT}`);
    }
    return value;
  }
}
