import { numberAttr, optionalNumberAttr } from '../../../graph/ops/attributes.js';
import type { LoweringTable, NodeLowering } from '../lowering.js';

/** 1 where the value is above 0, else 0. One pass, and faster than Sign, Where or Greater with Cast. */
function positive(x: NodeLowering, value: string): string {
  return x.op('HardSigmoid', [value], { alpha: { float: 3e38 }, beta: { float: 0 } });
}

export const ACTIVATION_GRADIENTS: LoweringTable = {
  ReluGrad: (x) => {
    const [dy, y] = x.inputs;
    x.result('Mul', [dy, positive(x, y)]);
  },
  LeakyReluGrad: (x) => {
    const [dy, input] = x.inputs;
    const alpha = numberAttr(x.node, 'alpha', 0.01);
    const rise = x.op('Mul', [positive(x, input), x.constant([1 - alpha])]);
    x.result('Mul', [dy, x.op('Add', [rise, x.constant([alpha])])]);
  },
  ClipGrad: (x) => {
    const [dy, input] = x.inputs;
    const min = optionalNumberAttr(x.node, 'min') ?? Number.NEGATIVE_INFINITY;
    const max = optionalNumberAttr(x.node, 'max') ?? Number.POSITIVE_INFINITY;
    let mask: string | undefined;
    if (min > Number.NEGATIVE_INFINITY) {
      mask = positive(x, min === 0 ? input : x.op('Sub', [input, x.constant([min])]));
    }
    if (max < Number.POSITIVE_INFINITY) {
      const below = positive(x, x.op('Sub', [x.constant([max]), input]));
      mask = mask === undefined ? below : x.op('Mul', [mask, below]);
    }
    if (mask === undefined) x.result('Identity', [dy]);
    else x.result('Mul', [dy, mask]);
  },
  SigmoidGrad: (x) => {
    const [dy, y] = x.inputs;
    x.result('Mul', [x.op('Mul', [dy, y]), x.op('Sub', [x.constant([1]), y])]);
  },
  TanhGrad: (x) => {
    const [dy, y] = x.inputs;
    x.result('Mul', [dy, x.op('Sub', [x.constant([1]), x.op('Mul', [y, y])])]);
  },
};
