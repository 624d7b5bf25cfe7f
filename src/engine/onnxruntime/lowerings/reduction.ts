import { flagAttr, intAttr, intsAttr } from '../../../graph/ops/attributes.js';
import type { Lowering, LoweringTable } from '../lowering.js';

/** No axes means that nothing is reduced; ONNX's reductions would then reduce everything. */
function reduction(opType: string, axesAre: 'input' | 'attribute'): Lowering {
  return (x) => {
    const axes = intsAttr(x.node, 'axes');
    const keepdims = flagAttr(x.node, 'keepdims', true) ? 1 : 0;
    if (axes.length === 0) x.result('Identity', x.inputs);
    else if (axesAre === 'attribute') x.result(opType, x.inputs, { axes, keepdims });
    else x.result(opType, [x.inputs[0], x.ints(axes)], { keepdims });
  };
}

export const REDUCTIONS: LoweringTable = {
  ReduceSum: reduction('ReduceSum', 'input'),
  ReduceMean: reduction('ReduceMean', 'attribute'),
  ReduceMax: reduction('ReduceMax', 'attribute'),
  ArgMax: (x) =>
    x.result('ArgMax', x.inputs, {
      axis: intAttr(x.node, 'axis', 0),
      keepdims: flagAttr(x.node, 'keepdims', true) ? 1 : 0,
    }),
};
