import { choiceAttr, intAttr } from '../../../graph/ops/attributes.js';
import { DTYPE_BYTES, type DType } from '../../../graph/tensor.js';
import { deviceType } from '../host-tensors.js';
import { broadcast, elementwise, type Kernel, type KernelTable } from '../kernel.js';
import { divided, wrapped } from '../whole-numbers.js';

type Binary = 'add' | 'sub' | 'mul' | 'minimum' | 'maximum' | 'equal' | 'greater' | 'less';

const binary = (name: Binary): Kernel => broadcast(([a, b], { tf }) => tf[name](a, b));

/** Of bytes the result may leave their range. */
const arithmetic = (name: Binary): Kernel =>
  broadcast(([a, b], x) => wrapped(x.tf, x.tf[name](a, b), x.outputSpec().dtype));

export const ELEMENTWISE: KernelTable = {
  Add: arithmetic('add'),
  Sub: arithmetic('sub'),
  Mul: arithmetic('mul'),
  Div: broadcast(([a, b], { tf }) => divided(tf, a, b)),
  Min: binary('minimum'),
  Max: binary('maximum'),
  Equal: binary('equal'),
  Greater: binary('greater'),
  Less: binary('less'),
  Where: broadcast(([condition, a, b], { tf }) => tf.where(condition, a, b)),
  Cast: elementwise((t, { tf, node }) => {
    const to = choiceAttr(node, 'to', Object.keys(DTYPE_BYTES) as DType[], 'float32');
    if (to === 'bool') return t.dtype === 'bool' ? t : tf.notEqual(t, tf.zerosLike(t));
    const cast = tf.cast(t, deviceType(to));
    return t.dtype === 'bool' ? cast : wrapped(tf, cast, to);
  }),
  /** Not tfjs-core's, which wants two classes or more. */
  OneHot: (x) => {
    const { tf } = x;
    const classes = tf.range(0, intAttr(x.node, 'depth', 0), 1, 'int32');
    return tf.cast(tf.equal(tf.expandDims(x.input(0), -1), classes), 'float32');
  },
};
