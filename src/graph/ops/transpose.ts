import type { Node } from '../graph.js';
import { OpError, type OpSpec } from '../op-spec.js';
import { rowMajorStrides } from '../tensor.js';
import { PASSED_ON } from '../value-range.js';
import { intsAttr } from './attributes.js';
import { outputSpec, requiredInput, requiredTensor } from './checks.js';

const transpose: OpSpec = {
  op: 'Transpose',
  inputs: [1, 1],
  view: 'moved',
  byRows: (node, [{ length }]) => [permutation(node, length)[0] === 0],
  infer(x) {
    const input = requiredInput(x, 0, 'x');
    const perm = permutation(x.node, input.shape.length);
    const shape = perm.map((axis) => input.shape[axis]);
    return [outputSpec(x.node, input.dtype, shape)];
  },
  channels(node, ctx) {
    const input = ctx.input(0);
    const perm = permutation(node, input.length);
    ctx.setOutput(
      0,
      perm.map((axis) => input[axis]),
    );
  },
  wants: () => PASSED_ON,
  evaluate(node, inputs) {
    const x = requiredTensor(node, inputs, 0);
    const perm = permutation(node, x.shape.length);
    const strides = rowMajorStrides(x.shape);
    const shape = perm.map((axis) => x.shape[axis]);
    const steps = perm.map((axis) => strides[axis]);
    const data = new Float64Array(x.data.length);
    const index = new Array<number>(shape.length).fill(0);
    for (let i = 0, from = 0; i < data.length; i++) {
      data[i] = x.data[from];
      for (let axis = shape.length - 1; axis >= 0; axis--) {
        from += steps[axis];
        if (++index[axis] < shape[axis]) break;
        from -= steps[axis] * shape[axis];
        index[axis] = 0;
      }
    }
    return [{ dtype: x.dtype, shape, data }];
  },
};

/** Output axis i is input axis `perm[i]`; without the attribute the axes are reversed. */
function permutation(node: Node, rank: number): readonly number[] {
  const reversed = Array.from({ length: rank }, (_, i) => rank - 1 - i);
  const perm = intsAttr(node, 'perm', reversed);
  if (perm.length !== rank || !reversed.every((axis) => perm.includes(axis))) {
    throw new OpError(node, `perm must be a permutation of ${rank} axes, got [${perm}]`);
  }
  return perm;
}

export const TRANSPOSE_OPS: readonly OpSpec[] = [transpose];
