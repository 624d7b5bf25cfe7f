import { numberAttr } from '../../../graph/ops/attributes.js';
import type { LoweringTable, NodeLowering } from '../lowering.js';

/** Vectors `[C]` against x. The gradient writes the same nodes as the forward pass, and onnxruntime merges them. */
function standardization(x: NodeLowering, input: string, rank: number, mean: string, variance: string, scale: string) {
  const perChannel = [1, -1, ...new Array<number>(rank - 2).fill(1)];
  const spread = (value: string): string => x.reshape(value, perChannel);
  const epsilon = x.constant([numberAttr(x.node, 'epsilon', 1e-5)]);
  const shifted = x.op('Add', [spread(variance), epsilon]);
  const deviation = x.op('Sqrt', [shifted]);
  return {
    spread,
    shifted,
    deviation,
    centred: x.op('Sub', [input, spread(mean)]),
    factor: x.op('Div', [spread(scale), deviation]),
  };
}

const axesBut1 = (rank: number): number[] => [0, ...Array.from({ length: rank - 2 }, (_, i) => i + 2)];

/** Batch norm by the statistics of the batch, decomposed. */
export const BATCH_STATISTICS: LoweringTable = {
  BatchNormalizationTraining: (x) => {
    const [input, scale, shift] = x.inputs;
    const rank = x.inputSpec(0).shape.length;
    const axes = axesBut1(rank);
    const mean = x.result('ReduceMean', [input], { axes, keepdims: 0 }, 1);
    const centred = x.op('Sub', [input, x.reshape(mean, [1, -1, ...new Array<number>(rank - 2).fill(1)])]);
    const variance = x.result('ReduceMean', [x.op('Mul', [centred, centred])], { axes, keepdims: 0 }, 2);
    const { spread, factor, centred: c } = standardization(x, input, rank, mean, variance, scale);
    x.result('Add', [x.op('Mul', [c, factor]), spread(shift)]);
  },
  BatchNormalizationGrad: (x) => {
    const [dy, input, scale, mean, variance] = x.inputs;
    const rank = x.inputSpec(1).shape.length;
    const { centred, shifted, deviation, factor } = standardization(x, input, rank, mean, variance, scale);
    const sumOver = (value: string): string => x.op('ReduceSum', [value, x.ints(axesBut1(rank))], { keepdims: 1 });
    const sum = sumOver(dy);
    const product = sumOver(x.op('Mul', [dy, centred]));
    const size = (value: string): string => x.op('CastLike', [x.op('Size', [value]), input]);
    const count = x.op('Div', [size(input), size(scale)]);
    x.result('Reshape', [x.op('Div', [product, deviation]), x.ints([-1])], {}, 1);
    x.result('Reshape', [sum, x.ints([-1])], {}, 2);
    const level = x.op('Mul', [factor, x.op('Sub', [dy, x.op('Div', [sum, count])])]);
    const slope = x.op('Div', [x.op('Mul', [factor, product]), x.op('Mul', [shifted, count])]);
    x.result('Sub', [level, x.op('Mul', [centred, slope])]);
  },
};
