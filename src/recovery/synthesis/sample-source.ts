import { type Graph, getSpec } from '../../graph/graph.js';
import { elementCount, type Tensor } from '../../graph/tensor.js';
import { noiseSample } from './noise.js';
import { type SampleLayout, sampleLayout } from './sample-layout.js';
import { type Bounds, boundsOf, type NamedRange, type SampleRange } from './sample-range.js';

interface SampledInput {
  readonly id: string;
  /** Of one sample. */
  readonly shape: readonly number[];
  readonly layout: SampleLayout;
}

/** What samples start from: seeded noise for every input of a graph, in any range. Sample i is the same in every block. */
export class SampleSource {
  readonly #inputs: readonly SampledInput[];
  readonly #seed: number;

  constructor(graph: Graph, seed: number) {
    this.#seed = seed;
    this.#inputs = graph.inputs.map((id) => {
      const shape = getSpec(graph, id).shape.slice(1) as number[];
      return { id, shape, layout: sampleLayout(graph, id) };
    });
  }

  /** A range for every input. */
  ranges(named: NamedRange): Map<string, SampleRange> {
    return new Map(this.#inputs.map(({ id, shape, layout }) => [id, named.of(shape[layout.channels - 1] ?? 1)]));
  }

  /** @throws RangeError naming an input without a range, or with one that doesn't fit */
  bounds(ranges: ReadonlyMap<string, SampleRange>): Map<string, Bounds> {
    return new Map(
      this.#inputs.map(({ id, shape, layout }) => {
        const range = ranges.get(id);
        if (!range) throw new RangeError(`the input ${id} has no range; give one for every input, or for none`);
        return [id, boundsOf(id, range, shape, layout)] as const;
      }),
    );
  }

  /** Samples `from`, `from` + 1, … of every input. */
  draw(from: number, samples: number, bounds: ReadonlyMap<string, Bounds>): Map<string, Tensor> {
    return new Map(
      this.#inputs.map(({ id, shape, layout }, input) => {
        const [low, high] = [bounds.get(id)!.low.data, bounds.get(id)!.high.data];
        const size = elementCount(shape);
        const data = new Float32Array(samples * size);
        for (let i = 0; i < samples; i++) {
          const noise = noiseSample(shape, layout, seedOf(this.#seed, input, from + i));
          for (let k = 0; k < size; k++) data[i * size + k] = low[k] + noise[k] * (high[k] - low[k]);
        }
        return [id, { dtype: 'float32', shape: [samples, ...shape], data }] as const;
      }),
    );
  }
}

function seedOf(seed: number, input: number, sample: number): number {
  return Math.imul(seed | 0, 0x9e3779b1) ^ Math.imul(input + 1, 0x85ebca6b) ^ Math.imul(sample + 1, 0xc2b2ae35);
}
