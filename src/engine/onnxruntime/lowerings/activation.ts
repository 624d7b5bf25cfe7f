import { intAttr, numberAttr, optionalNumberAttr } from '../../../graph/ops/attributes.js';
import type { Lowering, LoweringTable } from '../lowering.js';

/** Functions of one element that ONNX has under the same name, without attributes. */
export function sameOp(opType: string): Lowering {
  return (x) => x.result(opType, x.inputs);
}

const along: (opType: string) => Lowering = (opType) => (x) =>
  x.result(opType, x.inputs, { axis: intAttr(x.node, 'axis', -1) });

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
  // The IR's Dropout is that of inference; training steps multiply by a mask.
  Dropout: sameOp('Identity'),
  LeakyRelu: (x) => x.result('LeakyRelu', x.inputs, { alpha: { float: numberAttr(x.node, 'alpha', 0.01) } }),
  Clip: (x) => {
    const bounds = (['min', 'max'] as const).map((name) => {
      const bound = optionalNumberAttr(x.node, name);
      return bound === undefined ? '' : x.constant([bound]);
    });
    x.result('Clip', [x.inputs[0], ...bounds]);
  },
  Softmax: along('Softmax'),
  LogSoftmax: along('LogSoftmax'),
};
