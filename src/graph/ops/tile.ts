import { FIXED } from '../channels.js';
import { dimProduct, getExtents, toDim } from '../dims.js';
import type { Dim, Node, Shape } from '../graph.js';
import { OpError, type OpSpec } from '../op-spec.js';
import { elementCount, rowMajorStrides } from '../tensor.js';
import { PASSED_ON } from '../value-range.js';
import { intsAttr } from './attributes.js';
import { outputSpec, requiredInput, requiredTensor } from './checks.js';

/** The attribute `repeats`: one for each axis. @throws OpError for another number of them, or one below 1. */
export function tileRepeats(node: Node, rank: number): readonly number[] {
  const repeats = intsAttr(node, 'repeats');
  if (repeats.length !== rank || repeats.some((r) => r < 1)) {
    throw new OpError(node, `repeats must be ${rank} numbers from 1, got [${repeats}]`);
  }
  return repeats;
}

function tiledShape(node: Node, shape: Shape): Dim[] {
  return tileRepeats(node, shape.length).map((times, axis) => {
    const dim = shape[axis];
    if (axis === 0 && times > 1 && typeof dim === 'string')
      throw new OpError(node, `the batch ${dim} can not be repeated`);
    return toDim(dimProduct([times, dim]));
  });
}

/** Whole axes one after another. */
const tile: OpSpec = {
  op: 'Tile',
  inputs: [1, 1],
  byRows: (node, [{ length }]) => [tileRepeats(node, length)[0] === 1],
  infer(x) {
    const { dtype, shape } = requiredInput(x, 0, 'x');
    return [outputSpec(x.node, dtype, tiledShape(x.node, shape))];
  },
  channels(node, ctx) {
    const input = ctx.input(0);
    const repeats = tileRepeats(node, input.length);
    ctx.setOutput(
      0,
      input.map((axis, i) => {
        if (axis === FIXED) return FIXED;
        return Int32Array.from({ length: axis.length * repeats[i] }, (_, k) => axis[k % axis.length]);
      }),
    );
  },
  wants: () => PASSED_ON,
  evaluate(node, inputs) {
    const { dtype, shape, data } = requiredTensor(node, inputs, 0);
    const to = getExtents(tiledShape(node, shape));
    const [from, own] = [rowMajorStrides(shape), rowMajorStrides(to)];
    const out = new Float64Array(elementCount(to));
    for (let i = 0; i < out.length; i++) {
      let at = 0;
      for (let axis = 0; axis < shape.length; axis++) at += (Math.floor(i / own[axis]) % shape[axis]) * from[axis];
      out[i] = data[at];
    }
    return [{ dtype, shape: to, data: out }];
  },
};

export const TILE_OPS: readonly OpSpec[] = [tile];
