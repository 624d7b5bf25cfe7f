import type { Dim, Node, TensorSpec } from '../graph.js';
import { OpError, type OpSpec } from '../op-spec.js';
import type { DType } from '../tensor.js';

const list = (node: Node, name: string): readonly string[] => node.attrs[name] as readonly string[];

/**
 * A node of the user's file that the IR doesn't know, kept as it is: `proto` holds it, `outputs` says which of its
 * outputs the graph has, `dtypes` and `shapes` (JSON) what they are. It has no channel rule, so all that it touches stays.
 */
export const OPAQUE_OP: OpSpec = {
  op: 'Opaque',
  inputs: [0, Number.POSITIVE_INFINITY],
  infer({ node }) {
    const shapes = list(node, 'shapes').map((shape) => JSON.parse(shape) as Dim[]);
    return list(node, 'dtypes').map((dtype, i): TensorSpec => ({ dtype: dtype as DType, shape: shapes[i] }));
  },
  evaluate(node) {
    throw new OpError(node, `${node.attrs.opType} is not computed by the reference`);
  },
};
