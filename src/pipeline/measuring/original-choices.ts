import type { Graph } from '../../graph/graph.js';
import type { Tensor } from '../../graph/tensor.js';
import { askChoices, type Choice } from './choices.js';
import type { BatchPlace, OutputReader } from './read-outputs.js';

type Values = Uint8Array | Int32Array | Float32Array | Float64Array;

/** How choices of a kind are kept. */
const KEPT: { readonly [K in Choice['kind']]: (count: number) => Values } = {
  class: (count) => new Int32Array(count),
  side: (count) => new Uint8Array(count),
  label: (count) => new Float64Array(count),
  number: (count) => new Float32Array(count),
};

/** Values of all outputs and samples together; where there are more, every second sample is kept, or every third… */
export const MOST_VALUES = 2 ** 24;

interface Kept {
  readonly choice: Choice;
  readonly perSample: number;
  /** By kept sample. */
  readonly values: Values;
}

/** What the original model chooses for samples, which what becomes of it is held against. */
export class OriginalChoices implements OutputReader {
  readonly #choices: readonly Choice[];
  readonly #count: number;
  readonly #mostValues: number;
  #kept: readonly Kept[] | undefined;
  #stride = 1;

  /** @param count of the samples */
  constructor(choices: readonly Choice[], count: number, mostValues = MOST_VALUES) {
    this.#choices = choices;
    this.#count = count;
    this.#mostValues = mostValues;
  }

  /** Of outputs that can be compared. */
  get kept(): readonly Kept[] {
    return this.#kept ?? [];
  }

  /** Samples whose choices are kept. */
  get samples(): number {
    return this.kept.length === 0 ? 0 : Math.ceil(this.#count / this.#stride);
  }

  /** Whether agreement is a share of samples: something is chosen. Otherwise it says how near numbers are. */
  get chooses(): boolean {
    return this.kept.some(({ choice }) => choice.kind !== 'number');
  }

  /** With itself. */
  get agreement(): number | null {
    return this.kept.length === 0 ? null : 1;
  }

  ask(graph: Graph) {
    return askChoices(graph, this.#choices);
  }

  /** Takes the original's. */
  read(place: BatchPlace, outputs: ReadonlyMap<string, Tensor>): void {
    this.#kept ??= this.#allocate(place.size, outputs);
    for (const { choice, perSample, values } of this.#kept) {
      const { data } = outputs.get(choice.output)!;
      for (const { row, at } of this.keptIn(place)) {
        for (let i = 0; i < perSample; i++) values[at * perSample + i] = chosen(choice, data[row * perSample + i]);
      }
    }
  }

  /** The samples of a batch that are kept: their rows in the batch, and their numbers among the kept ones. */
  *keptIn({ start, count }: BatchPlace): Generator<{ readonly row: number; readonly at: number }> {
    for (let at = Math.ceil(start / this.#stride); at * this.#stride < start + count; at++) {
      yield { row: at * this.#stride - start, at };
    }
  }

  compare(): Comparison {
    return new Comparison(this);
  }

  #allocate(size: number, outputs: ReadonlyMap<string, Tensor>): Kept[] {
    const sized = this.#choices.flatMap((choice) => {
      const perSample = (outputs.get(choice.output)?.data.length ?? 0) / size;
      return perSample > 0 && Number.isInteger(perSample) ? [{ choice, perSample }] : [];
    });
    const wanted = this.#count * sized.reduce((sum, { perSample }) => sum + perSample, 0);
    this.#stride = Math.max(1, Math.ceil(wanted / this.#mostValues));
    const samples = Math.ceil(this.#count / this.#stride);
    return sized.map(({ choice, perSample }) => {
      return { choice, perSample, values: KEPT[choice.kind](samples * perSample) };
    });
  }
}

/** How far another network agrees with the original: it reads the same samples. */
export class Comparison implements OutputReader {
  readonly #original: OriginalChoices;
  /** By output: for numbers, the sum of squared differences; else, of each sample's share of equal choices. */
  readonly #sums: number[];

  constructor(original: OriginalChoices) {
    this.#original = original;
    this.#sums = original.kept.map(() => 0);
  }

  get samples(): number {
    return this.#original.samples;
  }

  get chooses(): boolean {
    return this.#original.chooses;
  }

  ask(graph: Graph) {
    return this.#original.ask(graph);
  }

  read(place: BatchPlace, outputs: ReadonlyMap<string, Tensor>): void {
    this.#original.kept.forEach(({ choice, perSample, values }, output) => {
      const data = outputs.get(choice.output)?.data;
      // Of another shape, nothing agrees.
      const fits = data?.length === place.size * perSample;
      for (const { row, at } of this.#original.keptIn(place)) {
        let [squares, equal] = [0, 0];
        for (let i = 0; i < perSample; i++) {
          const own = values[at * perSample + i];
          const other = fits ? chosen(choice, data[row * perSample + i]) : Number.NaN;
          squares += (own - other) ** 2;
          if (own === other) equal++;
        }
        this.#sums[output] += choice.kind === 'number' ? squares : equal / perSample;
      }
    });
  }

  /**
   * The share of the samples on which both choose the same, the mean over outputs that choose; where none does, 1 less the
   * relative error of the outputs, their mean. null where nothing was compared.
   */
  get agreement(): number | null {
    const { kept, chooses, samples } = this.#original;
    const each = kept.flatMap(({ choice, perSample, values }, output) => {
      const sum = this.#sums[output];
      if (choice.kind !== 'number') return [Math.min(1, sum / samples)];
      return chooses ? [] : [nearness(sum, spreadOf(values, perSample))];
    });
    return each.length === 0 ? null : each.reduce((sum, share) => sum + share, 0) / each.length;
  }
}

function chosen(choice: Choice, value: number | bigint): number {
  if (choice.kind === 'side') return Number(value) > choice.bound ? 1 : 0;
  return Number(value);
}

/** 1 less the root of the squared error by the spread, at least 0: a network that gives the mean, or NaN, is not near. */
function nearness(squaredError: number, spread: number): number {
  const relative = squaredError === 0 ? 0 : Math.sqrt(squaredError / spread);
  return relative < 1 ? 1 - relative : 0;
}

/** Of the squares of numbers, what may be rounding. */
const ROUNDING = 1e-12;

/** Squares of how far elements depart from their means over the samples; from 0 where they don't. */
function spreadOf(values: Values, perSample: number): number {
  const samples = values.length / perSample;
  let [spread, squares] = [0, 0];
  for (let i = 0; i < perSample; i++) {
    let sum = 0;
    for (let at = i; at < values.length; at += perSample) sum += values[at];
    const mean = sum / samples;
    for (let at = i; at < values.length; at += perSample) {
      spread += (values[at] - mean) ** 2;
      squares += values[at] ** 2;
    }
  }
  return spread > ROUNDING * squares ? spread : squares;
}
