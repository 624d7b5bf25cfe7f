import { FIXED } from '../channels.js';
import { formatShape } from '../dims.js';
import { OpError, type OpSpec } from '../op-spec.js';
import { elementCount } from '../tensor.js';
import { PASSED_ON } from '../value-range.js';
import { outputSpec, requiredInput, requiredTensor } from './checks.js';

/** x, whose first axis is 1, as often as `like` has samples: a learned token, or a constant part of a concatenation. */
const expandBatch: OpSpec = {
  op: 'ExpandBatch',
  inputs: [2, 2],
  infer(x) {
    const input = requiredInput(x, 0, 'x');
    const like = requiredInput(x, 1, 'like');
    if (input.shape[0] !== 1) {
      throw new OpError(x.node, `the first axis of x must be 1, x has shape ${formatShape(input.shape)}`);
    }
    if (like.shape.length === 0) throw new OpError(x.node, 'like has no axes');
    return [outputSpec(x.node, input.dtype, [like.shape[0], ...input.shape.slice(1)])];
  },
  channels(_node, ctx) {
    const [first, ...others] = ctx.input(0);
    ctx.tie(first, FIXED);
    ctx.setOutput(0, [FIXED, ...others]);
  },
  wants: (_, i) => (i === 0 ? PASSED_ON : undefined),
  evaluate(node, inputs) {
    const { dtype, shape, data } = requiredTensor(node, inputs, 0);
    const [batch] = requiredTensor(node, inputs, 1).shape;
    const out = new Float64Array(batch * elementCount(shape));
    for (let i = 0; i < batch; i++) out.set(data, i * data.length);
    return [{ dtype, shape: [batch, ...shape.slice(1)], data: out }];
  },
};

export const EXPAND_BATCH_OPS: readonly OpSpec[] = [expandBatch];
