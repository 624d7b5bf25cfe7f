import { flagAttr, numberAttr } from '../../../graph/ops/attributes.js';
import type { KernelTable } from '../kernel.js';

/** Dense products. */
export const PRODUCTS: KernelTable = {
  MatMul: (x) => {
    const { tf } = x;
    const [a, b] = [x.input(0), x.input(1)];
    const rows = a.rank === 1 ? tf.expandDims(a, 0) : a;
    const columns = b.rank === 1 ? tf.expandDims(b, 1) : b;
    const [m, n] = [rows.shape.at(-2)!, columns.shape.at(-1)!];
    const k = rows.shape.at(-1)!;
    // One product of all rows, where the second factor is one matrix.
    const product =
      columns.rank === 2 ? tf.matMul(tf.reshape(rows, [rows.size / k, k]), columns) : tf.matMul(rows, columns);
    const batch = columns.rank === 2 ? rows.shape.slice(0, -2) : product.shape.slice(0, -2);
    return tf.reshape(product, [...batch, ...(a.rank === 1 ? [] : [m]), ...(b.rank === 1 ? [] : [n])]);
  },
  Gemm: (x) => {
    const { tf, node } = x;
    const alpha = numberAttr(node, 'alpha', 1);
    const beta = numberAttr(node, 'beta', 1);
    const product = tf.matMul(x.input(0), x.input(1), flagAttr(node, 'transA', false), flagAttr(node, 'transB', false));
    const scaled = alpha === 1 ? product : tf.mul(product, alpha);
    if (!x.hasInput(2)) return scaled;
    return tf.add(scaled, beta === 1 ? x.input(2) : tf.mul(x.input(2), beta));
  },
};
