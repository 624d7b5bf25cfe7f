import { EspalierError } from '../../errors.js';
import { dimProduct, divideProducts, formatShape, sameProduct, toDim } from '../../graph/dims.js';
import type { Dim, Graph, Node, Shape } from '../../graph/graph.js';
import { findOp } from '../../graph/ops/index.js';

/** The batch of every graph that is read with an open one. */
export const BATCH = 'N';

/**
 * How the batch is read. Most files are exported for a batch of 1, with the 1 in the constants of their reshapes; they
 * compute the same for every sample, so the graph has an open batch wherever that can be shown.
 */
export interface BatchReading {
  readonly open: boolean;
  /** The batch that the file is made for; undefined when the file leaves it open. */
  readonly extent: number | undefined;
}

/** A reshaped value: the IR keeps the batch an axis of its own where the file merges it with others. */
export interface BatchedShape {
  readonly shape: readonly Dim[];
  /** For each axis of the file's value, the IR's axes that it is made of. */
  readonly groups: readonly (readonly number[])[];
}

/**
 * Where the batch goes in a reshape.
 * @param from the IR value's shape, the batch an axis of its own
 * @param declared the same value's shape in the file
 * @param requested as in the file: 0 copies (unless `allowZero`), one -1 is inferred
 * @throws EspalierError LAYER_INVALID when the sizes differ; LAYER_UNSUPPORTED when the batch can't be told apart
 */
export function reshapedWithBatch(
  label: string,
  from: Shape,
  declared: Shape,
  requested: readonly Dim[],
  allowZero: boolean,
  { open, extent }: BatchReading,
): BatchedShape {
  const at = from.indexOf(BATCH);
  const symbolic = resolve(declared, requested, allowZero);
  const baked = requested.every((d) => typeof d === 'number');
  if (!open || at < 0 || (extent === undefined && symbolic)) {
    if (!symbolic) throw misfit(label, declared, requested);
    return at < 0 || !open ? plain(symbolic) : splitBatch(from.slice(0, at), symbolic);
  }
  if (symbolic && !baked) return splitBatch(from.slice(0, at), symbolic);
  // The batch stands in the constants.
  const known = extent ?? 1;
  const bound = resolve(
    declared.map((d) => withBatch(d, known)),
    requested.map((d) => withBatch(d, known)),
    allowZero,
  );
  if (!bound) throw misfit(label, declared, requested);
  const before = dimProduct(from.slice(0, at));
  const axis = bound.findIndex(
    (d, i) => sameProduct(dimProduct(bound.slice(0, i)), before) && typeof d === 'number' && d % known === 0,
  );
  if (axis < 0) {
    throw new EspalierError(
      'LAYER_UNSUPPORTED',
      `${label}: reshaping ${formatShape(declared)} to ${formatShape(requested)} mixes the batch with other axes`,
    );
  }
  const share = divideProducts(dimProduct([bound[axis]]), dimProduct([known]))!;
  return splitBatch(from.slice(0, at), bound.with(axis, toDim({ ...share, symbols: [...share.symbols, BATCH] })));
}

const misfit = (label: string, declared: Shape, requested: Shape): EspalierError =>
  new EspalierError(
    'LAYER_INVALID',
    `${label}: x of shape ${formatShape(declared)} can not take shape ${formatShape(requested)}`,
  );

/** An extent for a batch of `extent` samples. */
export function withBatch(dim: Dim, extent: number): Dim {
  const { coefficient, symbols } = dimProduct([dim]);
  const batches = symbols.filter((s) => s === BATCH).length;
  return toDim({ coefficient: coefficient * extent ** batches, symbols: symbols.filter((s) => s !== BATCH) });
}

function resolve(declared: Shape, requested: readonly Dim[], allowZero: boolean): Dim[] | undefined {
  const copied = requested.map((d, i) => (d === 0 && !allowZero ? (declared[i] ?? 0) : d));
  const total = dimProduct(declared);
  const given = dimProduct(copied.filter((d) => d !== -1));
  const inferred = copied.indexOf(-1);
  if (copied.filter((d) => d === -1).length > 1 || copied.some((d) => typeof d === 'number' && d < -1))
    return undefined;
  if (inferred < 0) return sameProduct(total, given) ? copied : undefined;
  const rest = divideProducts(total, given);
  return rest && copied.with(inferred, toDim(rest));
}

const plain = (shape: readonly Dim[]): BatchedShape => ({ shape, groups: shape.map((_, i) => [i]) });

/** Makes the batch an axis of its own where it is the outer part of a merged one, and what is before it stays before. */
function splitBatch(before: Shape, shape: readonly Dim[]): BatchedShape {
  const at = shape.findIndex((d) => typeof d === 'string' && dimProduct([d]).symbols.includes(BATCH));
  if (at < 0 || shape[at] === BATCH || !sameProduct(dimProduct(shape.slice(0, at)), dimProduct(before)))
    return plain(shape);
  const rest = divideProducts(dimProduct([shape[at]]), dimProduct([BATCH]))!;
  return {
    shape: shape.toSpliced(at, 1, BATCH, toDim(rest)),
    groups: shape.map((_, i) => (i < at ? [i] : i === at ? [i, i + 1] : [i + 1])),
  };
}

/** A node that mixes samples of the batch, if there is one: the graph then isn't what the file says for its own batch. */
export function findBatchMixer(graph: Graph): Node | undefined {
  return graph.nodes.find((node) => {
    const shape = graph.values.get(node.inputs[0] ?? '')?.shape;
    const mixed = shape && findOp(node.op)?.mixes?.(node, shape.length);
    return mixed?.some((axis) => dimProduct(shape!.slice(axis, axis + 1)).symbols.includes(BATCH));
  });
}
