import { hardSigmoidLine } from '../../../graph/ops/activations.js';
import { intAttr, numberAttr, optionalNumberAttr } from '../../../graph/ops/attributes.js';
import { isKind } from '../../../graph/ops/checks.js';
import type { Lowering, LoweringTable } from '../lowering.js';

/** Functions of one element that ONNX has under the same name, without attributes. */
export function sameOp(opType: string): Lowering {
  return (x) => x.result(opType, x.inputs);
}

const along: (opType: string) => Lowering = (opType) => (x) =>
  x.result(opType, x.inputs, { axis: intAttr(x.node, 'axis', -1) });

const NO_BOUNDS: { min?: number; max?: number } = { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY };

export const ACTIVATIONS: LoweringTable = {
  Relu: sameOp('Relu'),
  Sigmoid: sameOp('Sigmoid'),
  Tanh: sameOp('Tanh'),
  Identity: sameOp('Identity'),
  Exp: sameOp('Exp'),
  Log: sameOp('Log'),
  Sqrt: sameOp('Sqrt'),
  Neg: sameOp('Neg'),
  Abs: sameOp('Abs'),
  Erf: sameOp('Erf'),
  Reciprocal: sameOp('Reciprocal'),
  Softplus: sameOp('Softplus'),
  HardSwish: sameOp('HardSwish'),
  PRelu: sameOp('PRelu'),
  Elu: (x) => x.result('Elu', x.inputs, { alpha: { float: numberAttr(x.node, 'alpha', 1) } }),
  HardSigmoid: (x) => {
    const [alpha, beta] = hardSigmoidLine(x.node);
    x.result('HardSigmoid', x.inputs, { alpha: { float: alpha }, beta: { float: beta } });
  },
  Pow: (x) => x.result('Pow', [x.inputs[0], x.constant([numberAttr(x.node, 'exponent', 1)])]),
  // The IR's Dropout is that of inference; training steps multiply by a mask.
  Dropout: sameOp('Identity'),
  LeakyRelu: (x) => x.result('LeakyRelu', x.inputs, { alpha: { float: numberAttr(x.node, 'alpha', 0.01) } }),
  Clip: (x) => {
    // A float's bound that is left out would be the largest number, which is below infinity.
    const absent = isKind(x.inputSpec(0).dtype, 'float') ? NO_BOUNDS : {};
    const bounds = (['min', 'max'] as const).map((name) => {
      const bound = optionalNumberAttr(x.node, name) ?? absent[name];
      return bound === undefined ? '' : x.constant([bound]);
    });
    x.result('Clip', [x.inputs[0], ...bounds]);
  },
  Softmax: along('Softmax'),
  LogSoftmax: along('LogSoftmax'),
};
