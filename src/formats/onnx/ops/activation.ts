import type { Attrs } from '../../../graph/graph.js';
import type { NodeLowering } from '../lowering.js';
import type { OnnxOp, OnnxOpTable } from './onnx-op.js';

/** A function of one element that the IR has under the same name, with these float attributes. */
function unary(op: string, floats: Readonly<Record<string, number>> = {}): OnnxOp {
  return {
    lower(n) {
      const attrs = Object.fromEntries(
        Object.entries(floats).map(([name, value]) => [name, n.attrs.float(name) ?? value]),
      );
      n.result(n.emit(op, [n.value(0)], attrs));
    },
  };
}

/** Bounds are attributes before opset 11, inputs since. */
const clip: OnnxOp = {
  lower(n) {
    const bounds = (['min', 'max'] as const).map((name, i) => {
      if (n.opset < 11) return n.attrs.float(name);
      return n.has(i + 1) ? n.known(i + 1)?.numbers?.[0] : undefined;
    });
    const computed = n.opset >= 11 && bounds.some((bound, i) => bound === undefined && n.has(i + 1));
    if (computed) {
      const least = n.has(1) ? n.emit('Max', [n.value(0), n.value(1)]) : n.value(0);
      n.result(n.has(2) ? n.emit('Min', [least, n.value(2)]) : least);
      return;
    }
    const [min, max] = bounds;
    n.result(
      n.emit('Clip', [n.value(0)], { ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) }),
    );
  },
};

/** max(0, x) + min(0, alpha · (exp(x / alpha) - 1)), by the Elu of x / alpha. */
const celu: OnnxOp = {
  lower(n) {
    const alpha = n.attrs.float('alpha') ?? 1;
    const scaled = n.emit('Mul', [n.value(0), n.literal([1 / alpha], [])]);
    n.result(n.emit('Mul', [n.emit('Elu', [scaled], { alpha: 1 }), n.literal([alpha], [])]));
  },
};

const thresholdedRelu: OnnxOp = {
  lower(n) {
    const x = n.value(0);
    const above = n.emit('Greater', [x, n.literal([n.attrs.float('alpha') ?? 1], [])]);
    n.result(n.emit('Where', [above, x, n.literal([0], [])]));
  },
};

const gelu: OnnxOp = {
  lower(n) {
    const approximate = n.attrs.string('approximate') ?? 'none';
    n.result(n.emit('Gelu', [n.value(0)], { approximate }));
  },
};

/** The slope may be one a channel, `[C]`, in files before opset 7. */
const prelu: OnnxOp = {
  lower(n) {
    const slope = n.weight(1, [1]);
    const { shape } = n.specOf(slope);
    const perChannel = n.opset < 7 && shape.length === 1 && shape[0] !== 1;
    const own = perChannel
      ? n.reshaped(slope, [
          shape[0],
          ...n
            .shape(0)
            .slice(2)
            .map(() => 1),
        ])
      : slope;
    n.result(n.emit('PRelu', [n.value(0), own]));
  },
};

/** The identity once a model is evaluated; its mask then keeps everything. */
const dropout: OnnxOp = {
  lower(n) {
    const ratio = (n.opset < 12 ? n.attrs.float('ratio') : n.known(1)?.numbers?.[0]) ?? 0.5;
    const x = n.value(0);
    n.result(n.emit('Dropout', [x], { ratio: ratio < 1 ? ratio : 0 }));
    if (!n.wants(1)) return;
    const bits = n.emit('Cast', [x], { to: 'bool' });
    n.result(n.emit('Equal', [bits, bits]), 1);
  },
};

function softmaxAttrs(n: NodeLowering): Attrs {
  return { axis: n.attrs.int('axis') ?? (n.opset < 13 ? 1 : -1) };
}

/** Before opset 13 all axes from `axis` on were one. */
function softmax(op: string): OnnxOp {
  return {
    lower(n) {
      const x = n.value(0);
      const { shape } = n.specOf(x);
      const { axis } = softmaxAttrs(n);
      const at = n.axis(Number(axis), shape.length);
      if (n.opset >= 13 || shape.slice(at + 1).every((d) => d === 1)) {
        n.result(n.emit(op, [x], { axis: at }));
        return;
      }
      const flat = n.emit('Flatten', [x], { axis: at });
      n.result(n.reshaped(n.emit(op, [flat], { axis: 1 }), shape));
    },
  };
}

const SAME = `Relu Sigmoid Tanh Exp Log Sqrt Neg Abs Erf Reciprocal HardSwish Softplus Softsign Mish Identity`.split(
  ' ',
);

export const ACTIVATIONS: OnnxOpTable = {
  ...Object.fromEntries(SAME.map((op) => [op, unary(op)])),
  LeakyRelu: unary('LeakyRelu', { alpha: 0.01 }),
  Elu: unary('Elu', { alpha: 1 }),
  Selu: unary('Selu', { alpha: 1.6732631921768188, gamma: 1.0507010221481323 }),
  HardSigmoid: unary('HardSigmoid', { alpha: 0.2, beta: 0.5 }),
  Gelu: gelu,
  Celu: celu,
  ThresholdedRelu: thresholdedRelu,
  PRelu: prelu,
  Clip: clip,
  Dropout: dropout,
  Softmax: softmax('Softmax'),
  LogSoftmax: softmax('LogSoftmax'),
};
