import type { OnnxOp, OnnxOpTable } from './onnx-op.js';

const gemm: OnnxOp = {
  lower(n) {
    const inputs = [n.value(0), n.weight(1, [1]), ...(n.has(2) ? [n.weight(2, [1, 2])] : [])];
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
  lower: (n) => n.result(n.emit('MatMul', [n.weight(0, [0]), n.weight(1, [1])])),
};

export const PRODUCTS: OnnxOpTable = { Gemm: gemm, MatMul: matMul };
