import { type SeededRandom, seededRandom } from '../../data/index.js';
import { type Graph, getSpec } from '../../graph/graph.js';
import { inputRanges } from '../../graph/input-ranges.js';
import { allocate, type DType, elementCount, type Tensor } from '../../graph/tensor.js';
import { TRUTH_VALUES, type ValueRange } from '../../graph/value-range.js';

/** What inputs hold of which nothing says more; floats hold what the caller wants. Masks and flags are integers too. */
const BY_TYPE: Readonly<Partial<Record<DType, ValueRange>>> = {
  bool: TRUTH_VALUES,
  int32: TRUTH_VALUES,
  int64: TRUTH_VALUES,
  uint8: { low: 0, high: 255, whole: true },
};

/**
 * Seeded inputs for a graph that suit what they feed: indices lie within their tables, masks are true or false. What the
 * graph asks nothing of is uniform between the bounds. Unknown extents are the batch.
 */
export function randomInputs(
  graph: Graph,
  batch: number,
  seed: number,
  [low, high]: readonly [number, number] = [0, 1],
): Map<string, Tensor> {
  const random = seededRandom(seed);
  const asked = inputRanges(graph);
  return new Map(
    graph.inputs.map((id) => {
      const { dtype, shape } = getSpec(graph, id);
      const concrete = shape.map((d) => (typeof d === 'number' ? d : batch));
      const range = asked.get(id) ?? BY_TYPE[dtype];
      return [id, drawTensor(dtype, concrete, boundedBy(range && heldIn(dtype, range), low, high), random)];
    }),
  );
}

/** A range that is open on one side ends where the caller's does, or is as wide where the two don't meet. */
function boundedBy(range: ValueRange | undefined, low: number, high: number): ValueRange {
  if (!range) return { low, high, whole: false };
  if (range.high === Number.POSITIVE_INFINITY) {
    const least = Math.max(range.low, low);
    return { ...range, low: least, high: high > least ? high : least + high - low };
  }
  if (range.low === Number.NEGATIVE_INFINITY) {
    const most = Math.min(range.high, high);
    return { ...range, low: low < most ? low : most - high + low, high: most };
  }
  return range;
}

/** Integers have the whole numbers of a range; of one without any, the next above. */
function heldIn(dtype: DType, range: ValueRange): ValueRange {
  if (dtype === 'float32' || dtype === 'float64') return range;
  const low = Math.ceil(range.low);
  return { low, high: Math.max(low, Math.floor(range.high)), whole: true };
}

function drawTensor(dtype: DType, shape: readonly number[], range: ValueRange, random: SeededRandom): Tensor {
  const { low, high, whole } = range;
  const data = allocate(dtype, elementCount(shape));
  const row = shape.at(-1) ?? 1;
  // A mask that leaves a row nothing makes a softmax over nothing.
  const keepsFirst = whole && low === 0 && high === 1 && row > 1;
  for (let i = 0; i < data.length; i++) {
    const drawn = whole ? low + Math.floor(random() * (high - low + 1)) : low + (high - low) * random();
    const value = keepsFirst && i % row === 0 ? 1 : drawn;
    data[i] = data instanceof BigInt64Array ? BigInt(value) : value;
  }
  return { dtype, shape, data } as Tensor;
}
