import fc from 'fast-check';
import { GraphBuilder } from '../../../src/graph/builder.js';
import type { Dim, Graph } from '../../../src/graph/graph.js';
import { type DType, elementCount, tensor } from '../../../src/graph/tensor.js';
import { Random } from '../random.js';

/**
 * Chains of elementwise nodes over a value `[N, C, H, W]`: what engines join into one pass over memory, a tile at a time. A
 * plan is data, so that fast-check makes it smaller.
 */
export interface ChainPlan {
  readonly dtype: DType;
  readonly batch: number;
  readonly channels: number;
  readonly spatial: readonly [height: number, width: number];
  /** What the first value comes from, which settles how engines lay it out: an input, a convolution, or a transpose. */
  readonly producer: Producer;
  readonly steps: readonly Step[];
}
type Producer = 'input' | 'convolution' | 'transpose';

interface Step {
  /** Of one value, of two, or of a condition and two. */
  readonly op: string;
  readonly operand: Operand;
  /** The operand comes first. */
  readonly swap: boolean;
  /** The result is an output of the graph too. */
  readonly kept: boolean;
}

/** An earlier value of the chain; or an input that broadcasts: which of the four axes it has, and whether it is transposed. */
type Operand =
  | { readonly kind: 'earlier'; readonly back: number }
  | { readonly kind: 'side'; readonly axes: Axes; readonly turned: boolean };
type Axes = readonly [batch: boolean, channels: boolean, height: boolean, width: boolean];

const UNARY = ['Relu', 'Neg', 'Abs', 'Clip', 'Identity'];
const FLOAT_UNARY = [...UNARY, 'Sigmoid', 'Tanh', 'LeakyRelu', 'HardSwish', 'Gelu', 'Softsign'];
const BINARY = ['Add', 'Sub', 'Mul', 'Max', 'Min'];

/** Those that stand out: gates of a sample, weights of a channel, masks of a pixel, scalars, whole values. */
const AXES: readonly Axes[] = [
  [true, true, false, false],
  [false, true, false, false],
  [true, false, true, true],
  [false, false, true, true],
  [true, false, false, false],
  [false, false, false, false],
  [true, true, true, true],
];

const axes = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...AXES) },
  { weight: 1, arbitrary: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean(), fc.boolean()) },
);

const operand: fc.Arbitrary<Operand> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('side' as const), axes, turned: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('earlier' as const), back: fc.nat(3) }) },
);

const stepOf = (ops: readonly string[]): fc.Arbitrary<Step> =>
  fc.record({ op: fc.constantFrom(...ops), operand, swap: fc.boolean(), kept: fc.boolean() });

/** Elements that the native engine's maps take at once. */
const TILE = 1024;

const CHANNELS = [1, 2, 7, 8, 16, 31, 33, 64, 146, 320, 512, 1025];
const SPATIAL: readonly (readonly [number, number])[] = [
  [1, 1],
  [7, 7],
  [8, 8],
  [1, 17],
  [5, 13],
  [32, 32],
];

/** Extents around those of vectors and tiles; and pixels one more than fill whole tiles of their channels. */
const geometry = fc
  .tuple(fc.constantFrom(...CHANNELS), fc.constantFrom(...SPATIAL), fc.integer({ min: 1, max: 5 }), fc.boolean())
  .map(([channels, spatial, tiles, overhangs]) => {
    const pixels = Math.max(1, Math.floor(TILE / channels));
    return { channels, spatial: overhangs ? ([1, tiles * pixels + 1] as const) : spatial };
  });

const dtype = fc.constantFrom<DType>('float32', 'float32', 'float32', 'float64', 'int32', 'int64');

/** @param mostElements of one value, which the batch is cut to */
export const chainPlans = (mostElements: number): fc.Arbitrary<ChainPlan> =>
  dtype.chain((dtype) => {
    const isFloat = dtype.startsWith('float');
    // Whole numbers of products of products would leave their range.
    const ops = isFloat ? [...FLOAT_UNARY, ...BINARY, ...BINARY, 'Where'] : [...UNARY, ...BINARY, 'Where'];
    const producers: Producer[] = dtype === 'float32' ? ['input', 'convolution', 'transpose'] : ['input', 'transpose'];
    return fc
      .record({
        producer: fc.constantFrom(...producers),
        geometry,
        batch: fc.integer({ min: 1, max: 9 }),
        steps: fc.array(stepOf(ops), { minLength: 1, maxLength: 8 }),
      })
      .map(({ producer, geometry, batch, steps }): ChainPlan => {
        const sample = geometry.channels * elementCount(geometry.spatial);
        return { dtype, ...geometry, producer, steps, batch: Math.min(batch, Math.ceil(mostElements / sample)) };
      });
  });

/** Channels that a convolution makes the first value from. */
const CONVOLVED = 2;

/**
 * The graph of a plan.
 * @param all every value of the chain is an output, in order
 */
export function chainGraph(plan: ChainPlan, all = false): Graph {
  const { dtype, channels, spatial } = plan;
  const b = new GraphBuilder('chain');
  const whole: Dim[] = ['N', channels, ...spatial];

  const transposed = (id: string, [n, c, h, w]: readonly Dim[]): string =>
    b.op('Transpose', [b.input(id, { dtype, shape: [n, h, w, c] })], { perm: [0, 3, 1, 2] });

  const side = (id: string, { axes, turned }: { axes: Axes; turned: boolean }, of: DType = dtype): string => {
    const shape = whole.map((extent, axis) => (axes[axis] ? extent : 1));
    if (turned && of === dtype) return transposed(id, shape);
    const first = axes.indexOf(true);
    return b.input(id, { dtype: of, shape: first < 0 ? [] : first === 0 ? shape : shape.slice(first) });
  };

  const first = (): string => {
    if (plan.producer === 'input') return b.input('x', { dtype, shape: whole });
    if (plan.producer === 'transpose') return transposed('x', whole);
    const weights = new Random(1).floats(channels * CONVOLVED, -1, 1);
    const w = b.constant('W', tensor('float32', [channels, CONVOLVED, 1, 1], weights), 'parameter');
    return b.op('Conv', [b.input('x', { dtype, shape: ['N', CONVOLVED, ...spatial] }), w]);
  };

  const values = [first()];
  plan.steps.forEach((step, i) => {
    const value = values.at(-1)!;
    const other = (): string => {
      const { operand } = step;
      if (operand.kind === 'side') return side(`side ${i}`, operand);
      // The product of two values of a chain of whole numbers could be beyond what float64 holds of them.
      if (step.op === 'Mul' && !dtype.startsWith('float')) return side(`side ${i}`, { axes: AXES[0], turned: false });
      return values.at(-1 - Math.min(operand.back, values.length - 1))!;
    };
    const pair = (second: string): string[] => (step.swap ? [second, value] : [value, second]);
    const result = (): string => {
      if (BINARY.includes(step.op)) return b.op(step.op, pair(other()));
      if (step.op === 'Clip') return b.op('Clip', [value], { min: -1, max: 2 });
      if (step.op !== 'Where') return b.op(step.op, [value]);
      // The condition is made of what is fed alone, where no engine rounds.
      const axes = step.operand.kind === 'side' ? step.operand.axes : AXES[0];
      return b.op('Where', [side(`condition ${i}`, { axes, turned: false }, 'bool'), ...pair(other())]);
    };
    values.push(result());
    if (!all && step.kept && i < plan.steps.length - 1) b.output(`step ${i}`, values.at(-1)!);
  });
  const outputs = all ? [...values.keys()] : [plan.steps.length];
  for (const i of outputs) b.output(`step ${i - 1}`, values[i]);
  return b.build();
}
