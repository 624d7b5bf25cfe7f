import { allocate, type Tensor } from '../../graph/tensor.js';
import { keptOfMask } from '../mutables/index.js';
import { gatherAxes } from './tensor-slices.js';

/** One group of an op that works in groups of channels: which positions of it stay, on each side. */
export interface KeptGroup {
  /** Its place among the groups of the full op. */
  readonly group: number;
  readonly input: Int32Array;
  readonly output: Int32Array;
}

/** The positions that masks keep in each group, groups that keep nothing on either side left out. */
export function keptGroups(groups: number, inMask: Uint8Array, outMask: Uint8Array): KeptGroup[] {
  const part = (mask: Uint8Array, group: number) =>
    keptOfMask(mask.subarray((group * mask.length) / groups, ((group + 1) * mask.length) / groups));
  return Array.from({ length: groups }, (_, group) => ({
    group,
    input: part(inMask, group),
    output: part(outMask, group),
  })).filter(({ input, output }) => input.length > 0 || output.length > 0);
}

/**
 * An op without its dropped channels has groups of one size.
 * @throws RangeError naming the layer when its groups keep different numbers of channels, or one side of a group nothing.
 */
export function requireEvenGroups(layer: string, kept: readonly KeptGroup[]): void {
  const [first] = kept;
  for (const { group, input, output } of kept) {
    const even = input.length === first.input.length && output.length === first.output.length;
    if (even && input.length > 0 && output.length > 0) continue;
    throw new RangeError(
      `${layer}: group ${group} keeps ${input.length} input and ${output.length} output channels, group ${first.group} ${first.input.length} and ${first.output.length}; the groups of a static op keep equally many, at least one`,
    );
  }
}

/**
 * Slices the weights of a convolution in groups: axis 0 has the channels of one side, group after group; axis 1 has the
 * positions within a group of the other. Groups may keep different positions.
 */
export function gatherGroups(
  full: Tensor,
  groups: number,
  kept: readonly KeptGroup[],
  rows: 'input' | 'output',
): Tensor {
  const size = full.shape[0] / groups;
  const columns = rows === 'input' ? 'output' : 'input';
  const parts = kept.map((each) => gatherAxes(full, [each[rows].map((row) => each.group * size + row), each[columns]]));
  const [{ shape, data }] = parts;
  const joined = allocate(full.dtype, data.length * parts.length) as Float32Array;
  parts.forEach((part, i) => {
    joined.set(part.data as Float32Array, i * data.length);
  });
  return { dtype: full.dtype, shape: [shape[0] * parts.length, ...shape.slice(1)], data: joined as Tensor['data'] };
}
