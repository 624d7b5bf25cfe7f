import { getExtent, isBound } from '../../../graph/dims.js';
import { BATCH } from '../batch.js';
import { sliceBounds } from '../folding/index.js';
import type { NodeLowering } from '../lowering.js';
import { lowerOpaque } from '../opaque.js';
import { alongBatch } from './layout.js';
import type { OnnxOp, OnnxOpTable } from './onnx-op.js';

/** Bounds beyond every extent, small enough for all engines. */
const FAR = 2 ** 31 - 1;
const bounded = (v: number): number => Math.min(Math.max(v, -FAR), FAR);

const concat: OnnxOp = {
  lower(n) {
    const axis = n.attrs.int('axis') ?? (n.opset < 4 ? 1 : undefined);
    if (axis === undefined) throw n.invalid('the attribute axis is missing');
    const values = n.node.input.map((_, i) => n.value(i));
    const open = values.some((id) => n.specOf(id).shape[0] === BATCH);
    const at = n.axis(axis, n.specOf(values[0]).shape.length);
    // A constant part of a file for a batch of 1 is the same for every sample.
    const parts = values.map((id) => (open && at !== 0 && n.specOf(id).shape[0] === 1 ? alongBatch(n, id) : id));
    n.result(n.emit('Concat', parts, { axis: at }));
  },
};

const slice: OnnxOp = {
  lower(n) {
    const bounds = sliceBounds(n.attrs, n.inputs);
    if (!bounds) return lowerOpaque(n, 'its bounds are computed as it runs');
    const shape = n.shape(0);
    const steps = bounds.steps ?? bounds.starts.map(() => 1);
    const cuts = (bounds.axes ?? bounds.starts.map((_, i) => i))
      .map((axis, i) => ({
        axis: n.axis(axis, shape.length),
        start: bounded(bounds.starts[i]),
        end: bounded(bounds.ends[i]),
        step: bounded(steps[i]),
      }))
      // The whole of an axis of unknown extent needs no slice.
      .filter(({ axis, start, end, step }) => !(typeof shape[axis] === 'string' && takesAll(n, start, end, step)));
    if (cuts.length === 0) return n.result(n.emit('Identity', [n.value(0)]));
    n.result(
      n.emit('Slice', [n.value(0)], {
        axes: cuts.map((c) => c.axis),
        starts: cuts.map((c) => c.start),
        ends: cuts.map((c) => c.end),
        steps: cuts.map((c) => c.step),
      }),
    );
  },
  patch(p) {
    const [before, after] = [p.before(), p.after()];
    if (before.op !== 'Slice') return;
    const axes = before.attrs.axes as readonly number[];
    const rank = p.inputBefore(0).length;
    for (const [name, input] of [
      ['starts', 1],
      ['ends', 2],
    ] as const) {
      const [old, now] = [before.attrs[name], after.attrs[name]] as (readonly number[])[];
      p.setList(name, input, (entry, i) => {
        const declared = p.list('axes', 3)?.[i] ?? i;
        const at = axes.indexOf(Number(declared) < 0 ? Number(declared) + rank : Number(declared));
        return at < 0 || old[at] === now[at] ? entry : now[at];
      });
    }
  },
};

/** In a file for one sample, an end of 1 is all of the batch. */
function takesAll(n: NodeLowering, start: number, end: number, step: number): boolean {
  return start === 0 && step === 1 && (end === FAR || (n.batch.open && end === n.batch.extent));
}

function splitSizes(n: NodeLowering, extent: number): readonly number[] {
  const given = n.attrs.ints('split') ?? (n.has(1) ? n.numbers(1, 'sizes') : undefined);
  if (given) {
    const sum = given.reduce((a, b) => a + b, 0);
    if (sum !== extent) throw n.invalid(`its parts [${given}] do not make ${extent}`);
    return given;
  }
  const parts = n.node.output.length;
  const size = Math.ceil(extent / parts);
  return Array.from({ length: parts }, (_, i) => Math.max(0, Math.min(size, extent - i * size)));
}

/** A slice for each part. */
const split: OnnxOp = {
  lower(n) {
    const x = n.value(0);
    const { shape } = n.specOf(x);
    const axis = n.axis(n.attrs.int('axis') ?? 0, shape.length);
    const extent = shape[axis];
    if (typeof extent !== 'number') throw n.unsupported(`the extent of axis ${axis} is not known`);
    let start = 0;
    splitSizes(n, extent).forEach((size, i) => {
      n.result(n.emit('Slice', [x], { axes: [axis], starts: [start], ends: [start + size] }), i);
      start += size;
    });
  },
  patch(p) {
    const axis = Number((p.before().attrs.axes as readonly number[])[0]);
    const sizes = (extents: (i: number) => readonly (number | string)[]) =>
      p.node.output.map((_, i) => getExtent(extents(i), axis));
    const [before, after] = [sizes((i) => p.outputBefore(i)), sizes((i) => p.outputAfter(i))];
    if (String(before) === String(after)) return;
    if (p.opset < 13) return p.setInts('split', after);
    p.removeAttribute('num_outputs');
    p.setInput(1, after);
  },
};

const gather: OnnxOp = {
  lower(n) {
    const axis = n.axis(n.attrs.int('axis') ?? 0, n.rank(0));
    n.result(n.emit('Gather', [n.weight(0, [0]), n.value(1)], { axis }));
  },
};

type PadMode = 'constant' | 'reflect' | 'edge' | 'wrap';

const pad: OnnxOp = {
  lower(n) {
    const rank = n.rank(0);
    const given = n.attrs.ints('pads') ?? n.known(1)?.numbers;
    const value = n.opset < 11 ? (n.attrs.float('value') ?? 0) : n.has(2) ? n.known(2)?.numbers?.[0] : 0;
    if (!given || value === undefined) return lowerOpaque(n, 'its pads are computed as it runs');
    const axes = n.has(3) ? n.numbers(3, 'axes') : Array.from({ length: rank }, (_, i) => i);
    if (given.length !== 2 * axes.length) throw n.invalid(`pads must be ${2 * axes.length} numbers, got [${given}]`);
    const pads = new Array<number>(2 * rank).fill(0);
    axes.forEach((axis, i) => {
      pads[n.axis(axis, rank)] = given[i];
      pads[rank + n.axis(axis, rank)] = given[axes.length + i];
    });
    const mode = (n.attrs.string('mode') ?? 'constant') as PadMode;
    n.result(mode === 'wrap' ? wrapped(n, pads) : n.emit('Pad', [n.value(0)], { pads, mode, value }));
  },
};

/** The end of an axis before it, its beginning after it. */
function wrapped(n: NodeLowering, pads: readonly number[]): string {
  const shape = n.shape(0);
  return shape.reduce<string>((value, extent, axis) => {
    const [begin, end] = [pads[axis], pads[shape.length + axis]];
    if (begin === 0 && end === 0) return value;
    if (typeof extent !== 'number' || begin < 0 || end < 0 || begin > extent || end > extent) {
      throw n.unsupported(`wrapping pads ${begin} and ${end} of an extent of ${extent}`);
    }
    const part = (start: number, stop: number) =>
      n.emit('Slice', [value], { axes: [axis], starts: [start], ends: [stop] });
    const parts = [...(begin ? [part(extent - begin, extent)] : []), value, ...(end ? [part(0, end)] : [])];
    return n.emit('Concat', parts, { axis });
  }, n.value(0));
}

/** Only a shape with the batch in it comes here; others are known when the model is read. */
const constantOfShape: OnnxOp = {
  lower(n) {
    const requested = n.extents(0, 'shape');
    const [first, ...others] = requested;
    if (first !== BATCH || !isBound(others)) throw n.unsupported(`a constant of shape [${requested}]`);
    const filling = n.attrs.tensor('value');
    const known = filling ? n.filling(filling) : { dtype: 'float32' as const, value: 0 };
    const one = n.literal(
      [known.value],
      requested.map(() => 1),
      known.dtype,
    );
    n.result(alongBatch(n, n.emit('Expand', [one], { shape: [1, ...others] })));
  },
};

export const SELECTIONS: OnnxOpTable = {
  Concat: concat,
  Slice: slice,
  Split: split,
  Gather: gather,
  Pad: pad,
  ConstantOfShape: constantOfShape,
};
