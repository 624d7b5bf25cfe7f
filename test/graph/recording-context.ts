import { type AxisChannels, type ChannelContext, FIXED } from '../../src/graph/channels.js';
import type { Attrs, Node, Shape } from '../../src/graph/graph.js';
import { getOp } from '../../src/graph/ops/index.js';
import type { DType } from '../../src/graph/tensor.js';

/** What an op's channel rule did to its inputs, each axis of which had channels of its own unless it was fixed. */
export interface Recording {
  /** Of each axis of the output: its channels by representative, or FIXED. */
  readonly output: readonly AxisChannels[];
  /** Of each axis of an input: its channels by representative, or FIXED. */
  inputAxes(i: number): readonly AxisChannels[];
  /** The channels of an input's axis, by representative. */
  input(i: number, axis: number): number[];
  /** Codes and messages of why channels of this axis are frozen; '' where no reason was given. */
  frozen(i: number, axis: number): string[];
  isFrozen(channel: number): boolean;
  readonly renormalised: readonly number[];
  /** The lists of channels that are to be units of their own. */
  readonly separated: readonly (readonly number[])[];
}

/** The channels of an axis as a plain list. @throws Error for a fixed axis. */
export function listed(axis: AxisChannels): number[] {
  if (axis === FIXED) throw new Error('the axis is fixed');
  return [...axis];
}

export interface RecordedInput {
  readonly shape: Shape;
  readonly dtype?: DType;
  /** It is a constant of the model's arithmetic. */
  readonly literal?: boolean;
  /** Axes that may never be pruned. */
  readonly fixed?: readonly number[];
  /** Channel ids to use instead of fresh ones, by axis. */
  readonly channels?: Readonly<Record<number, readonly number[]>>;
}

/** Runs an op's channel rule against a small union-find that records everything. */
export function recordChannels(
  op: string,
  attrs: Attrs,
  inputs: readonly RecordedInput[],
  before?: (ctx: ChannelContext) => void,
): Recording {
  const node: Node = { name: 'n', op, attrs, inputs: inputs.map((_, i) => `in${i}`), outputs: ['out'], layer: 'layer' };
  const specs = inputs.map(({ shape, dtype = 'float32' }) => ({ dtype, shape }));
  const [outputSpec] = getOp(op).infer({ node, inputs: specs, constant: () => undefined });

  const parent = new Map<number, number>();
  const frozenBy = new Map<number, string>();
  let next = 1000;
  const find = (c: number): number => {
    const p = parent.get(c) ?? c;
    return p === c ? c : find(p);
  };
  const fresh = (count: number) => Int32Array.from({ length: count }, () => next++);
  const freeze = (a: AxisChannels, code: string) => {
    if (a !== FIXED) for (const c of a) if (!frozenBy.has(find(c))) frozenBy.set(find(c), code);
  };
  const axes = inputs.map(({ shape, fixed = [], channels = {} }) =>
    shape.map((dim, axis): AxisChannels => {
      if (typeof dim === 'string' || fixed.includes(axis)) return FIXED;
      return channels[axis] ? Int32Array.from(channels[axis]) : fresh(dim);
    }),
  );
  let output: readonly AxisChannels[] = [];
  const renormalised: number[] = [];
  const separated: number[][] = [];
  const ctx: ChannelContext = {
    inputShape: (i) => inputs[i].shape,
    outputShape: () => outputSpec.shape,
    input: (i) => axes[i],
    hasInput: (i) => i < inputs.length,
    isLiteral: (i) => inputs[i].literal ?? false,
    setOutput: (_, given) => {
      given.forEach((axis, i) => {
        if (axis !== FIXED && axis.length !== outputSpec.shape[i]) {
          throw new Error(`output axis ${i} has ${axis.length} channels for an extent of ${outputSpec.shape[i]}`);
        }
      });
      if (given.length !== outputSpec.shape.length) throw new Error(`output has ${given.length} axes`);
      output = given;
    },
    fresh,
    resolve: (a) => a.map(find),
    tie: (a, b, reason) => {
      if (a === FIXED || b === FIXED) {
        freeze(a, reason?.code ?? '');
        freeze(b, reason?.code ?? '');
        return;
      }
      if (a.length !== b.length) throw new Error(`tied ${a.length} channels to ${b.length}`);
      a.forEach((c, i) => {
        const [keep, drop] = [find(c), find(b[i])];
        if (keep === drop) return;
        parent.set(drop, keep);
        const code = frozenBy.get(keep) ?? frozenBy.get(drop);
        if (code !== undefined) frozenBy.set(keep, code);
      });
    },
    freeze: (a, reason) => freeze(a, reason.code),
    isFixed: (a) => a === FIXED || a.every((c) => frozenBy.has(find(c))),
    separate: (a) => {
      if (a !== FIXED) separated.push([...a]);
    },
    renormalise: (a) => {
      if (a !== FIXED) renormalised.push(...a);
    },
  };
  before?.(ctx);
  getOp(op).channels?.(node, ctx);
  const resolved = (given: readonly AxisChannels[]) => given.map((axis) => (axis === FIXED ? FIXED : axis.map(find)));
  return {
    output: resolved(output),
    inputAxes: (i) => resolved(axes[i]),
    input: (i, axis) => [...(axes[i][axis] as Int32Array)].map(find),
    frozen: (i, axis) => {
      const codes = [...(axes[i][axis] as Int32Array)].map((c) => frozenBy.get(find(c)));
      return codes.filter((code) => code !== undefined);
    },
    isFrozen: (channel) => frozenBy.has(find(channel)),
    renormalised,
    separated: separated.map((list) => list.map(find)),
  };
}
