import type { OnnxOp, OnnxOpTable } from './onnx-op.js';

/** From here on `Add` and `Gemm` broadcast. */
const BROADCASTS = 7;

const gemm: OnnxOp = {
  lower(n) {
    const outputs = Number(n.shape(1)[n.attrs.int('transB') ? 0 : 1]);
    const spare = () => (n.opset >= BROADCASTS ? n.spareBias(outputs) : []);
    const inputs = [n.value(0), n.weight(1, [1]), ...(n.has(2) ? [n.weight(2, [1, 2])] : spare())];
    n.result(
      n.emit('Gemm', inputs, {
        transA: n.attrs.int('transA') ?? 0,
        transB: n.attrs.int('transB') ?? 0,
        alpha: n.attrs.float('alpha') ?? 1,
        beta: n.attrs.float('beta') ?? 1,
      }),
    );
  },
};

const matMul: OnnxOp = {
  lower(n) {
    const product = n.emit('MatMul', [n.weight(0, [0]), n.weight(1, [1])]);
    const weights = n.shape(1);
    const [bias] = weights.length === 2 && n.opset >= BROADCASTS ? n.spareBias(Number(weights[1])) : [];
    n.result(bias === undefined ? product : n.emit('Add', [product, bias]));
  },
};

export const PRODUCTS: OnnxOpTable = { Gemm: gemm, MatMul: matMul };
