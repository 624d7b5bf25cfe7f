import type { Dim, Node, Shape, TensorSpec } from '../graph.js';
import { type InferInput, OpError, type OpSpec } from '../op-spec.js';
import type { DType } from '../tensor.js';
import { indicesInto, type ValueRange } from '../value-range.js';

const list = (node: Node, name: string): readonly string[] => node.attrs[name] as readonly string[];

/** Along whichever axis: which one, only the node's protobuf says. */
const intoAnyAxis = (shape: Shape): ValueRange =>
  indicesInto(Math.min(...shape.map((d) => (typeof d === 'number' ? d : 1))));

/** Of operators that take places, what those may be, by the input that has them. */
const PLACES: Readonly<Record<string, Readonly<Record<number, (x: InferInput) => ValueRange>>>> = {
  OneHot: { 0: (x) => indicesInto(Number(x.constant(1)?.data[0] ?? 1)) },
  ...Object.fromEntries(
    ['GatherElements', 'GatherND', 'ScatterElements', 'ScatterND'].map((op) => [
      op,
      { 1: (x: InferInput) => intoAnyAxis(x.inputs[0]!.shape) },
    ]),
  ),
};

const CHOOSING: readonly string[] = ['ArgMax', 'Equal', 'Greater', 'Less', 'TopK', 'NonMaxSuppression'];
const ROUNDING: readonly string[] = ['Ceil', 'Floor', 'Round', 'Sign'];

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
  looksUp: true,
  hides: ({ attrs }) => CHOOSING.includes(String(attrs.opType)),
  rounds: ({ attrs }) => ROUNDING.includes(String(attrs.opType)),
  wants: (x, i) => PLACES[String(x.node.attrs.opType)]?.[i]?.(x),
  evaluate(node) {
    throw new OpError(node, `${node.attrs.opType} is not computed by the reference`);
  },
};
