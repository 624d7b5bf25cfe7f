import type { Graph, Node } from '../../../graph/graph.js';
import { flagAttr, intAttr, intsAttr } from '../../../graph/ops/attributes.js';
import { normalizeAxis } from '../../../graph/ops/checks.js';
import { findOp } from '../../../graph/ops/index.js';
import { resizedAxes } from '../../../graph/ops/resize.js';
import { slices } from '../../../graph/ops/slice.js';
import { ELEMENTWISE } from './elementwise.js';

type Shapes = readonly (readonly number[])[];

/** Which inputs a node reads by rows, given that its output has as many; undefined where a row needs others. */
type ByRows = (node: Node, inputs: Shapes, output: readonly number[]) => readonly boolean[] | undefined;

/** These inputs by rows, the others whole. */
const only =
  (...places: number[]): ByRows =>
  (_node, inputs) =>
    inputs.map((_, i) => places.includes(i));

/** The only input by rows, where a condition holds. */
const unless =
  (mixes: (node: Node, shape: readonly number[]) => boolean): ByRows =>
  (node, [shape]) =>
    mixes(node, shape) ? undefined : [true];

/** Operands that have the result's first axis are read by rows; others are repeated along it. */
const broadcast: ByRows = (_node, inputs, output) =>
  inputs.map((shape) => shape.length === output.length && shape[0] === output[0]);

/** How the rows of a batch, its first axis, go through ops of which more must be known than what they mix. */
const BY_ROWS: Readonly<Record<string, ByRows>> = {
  // Inputs 3 and 5 are the residuals of fusions.
  Conv: only(0, 3),
  ConvTranspose: only(0, 3),
  BatchNormalization: only(0, 5),
  OneHot: only(0),
  Expand: broadcast,
  Resize: unless((node, shape) => resizedAxes(node, shape).some(({ axis }) => axis === 0)),
  Slice: unless((node, shape) => {
    const first = slices(node, shape).get(0);
    return first !== undefined && (first.start !== 0 || first.step !== 1);
  }),
  Pad: unless((node, { length }) => intsAttr(node, 'pads')[0] !== 0 || intsAttr(node, 'pads')[length] !== 0),
  Tile: unless((node) => intsAttr(node, 'repeats')[0] !== 1),
  Transpose: unless((node, { length }) => intsAttr(node, 'perm', length > 1 ? [length - 1] : [0])[0] !== 0),
  Concat: (node, inputs) =>
    normalizeAxis(node, intAttr(node, 'axis', 0), inputs[0].length) === 0 ? undefined : inputs.map(() => true),
  Gather: (node, [data]) => {
    const byIndex = normalizeAxis(node, intAttr(node, 'axis', 0), data.length) === 0;
    return [!byIndex, byIndex];
  },
  Gemm: (node, inputs, output) => {
    if (flagAttr(node, 'transA', false)) return undefined;
    const c = inputs[2];
    return inputs.map((_, i) => i === 0 || (i === 2 && c.length === 2 && c[0] === output[0]));
  },
  MatMul: (node, [a, b], output) => {
    if (output.length > 2) return broadcast(node, [a, b], output);
    return a.length === 2 ? [true, false] : undefined;
  },
};

/** Of a view of as many rows, each is made of its own elements alone. Ops of which nothing is said may mix rows. */
const byWhatIsMixed: ByRows = (node, inputs, output) => {
  const spec = findOp(node.op);
  const mixesRows = spec?.mixes?.(node, inputs[0].length).includes(0) ?? spec?.view !== 'same';
  return mixesRows ? undefined : only(0)(node, inputs, output);
};

/**
 * Which inputs a node reads by rows of the first axis: row i of every output is made of row i of those, and of all of the
 * others. Undefined where it isn't, or of nothing that has rows.
 */
export function rowInputs(graph: Graph<number>, node: Node): readonly boolean[] | undefined {
  const shapeOf = (id: string): readonly number[] => (id === '' ? [] : graph.values.get(id)!.shape);
  const output = shapeOf(node.outputs[0]);
  if (!(output[0] > 1) || node.outputs.some((id) => shapeOf(id)[0] !== output[0])) return undefined;
  const isElementwise = Object.hasOwn(ELEMENTWISE, node.op);
  const rule = isElementwise ? broadcast : Object.hasOwn(BY_ROWS, node.op) ? BY_ROWS[node.op] : byWhatIsMixed;
  const inputs = node.inputs.map(shapeOf);
  const byRows = rule?.(node, inputs, output)?.map((is, i) => is && node.inputs[i] !== '');
  const fits = byRows?.includes(true) && byRows.every((is, i) => !is || inputs[i][0] === output[0]);
  return fits ? byRows : undefined;
}
