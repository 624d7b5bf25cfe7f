import { GraphBuilder } from '../../src/graph/builder.js';
import type { Attrs, AttrValue, Graph } from '../../src/graph/graph.js';
import { type Tensor, toRef } from '../../src/graph/tensor.js';
import { AttributeProto_AttributeType as AttributeType, type NodeProto } from '../../src/onnx-proto/index.js';
import type { OnnxCase } from './onnx-case.js';

/**
 * Turns an ONNX node into the IR's: constant inputs become attributes. Only for these tests, where every input's data
 * are at hand; models are read by `src/formats/onnx`.
 */
type Adapter = (node: CaseNode) => { attrs: Attrs; data?: number };

class CaseNode {
  readonly attrs: Attrs;
  readonly #inputs: readonly (Tensor | undefined)[];

  constructor({ node, inputs }: OnnxCase) {
    this.attrs = readAttrs(node);
    this.#inputs = node.input.map((name) => inputs.get(name));
  }

  get inputCount(): number {
    return this.#inputs.length;
  }

  rank(): number {
    return this.shape(0).length;
  }

  shape(i: number): readonly number[] {
    return this.#inputs[i]!.shape;
  }

  /** The numbers of an input, or undefined when it is absent. */
  numbers(i: number): number[] | undefined {
    const t = this.#inputs[i];
    return t && [...toRef(t).data];
  }
}

function readAttrs(node: NodeProto): Attrs {
  const attrs: Record<string, AttrValue> = {};
  for (const a of node.attribute) {
    if (a.type === AttributeType.INT) attrs[a.name] = Number(a.i);
    else if (a.type === AttributeType.FLOAT) attrs[a.name] = a.f;
    else if (a.type === AttributeType.STRING) attrs[a.name] = new TextDecoder().decode(a.s);
    else if (a.type === AttributeType.INTS) attrs[a.name] = a.ints.map(Number);
    else if (a.type === AttributeType.FLOATS) attrs[a.name] = a.floats;
    else throw new Error(`attribute ${a.name} is of type ${AttributeType[a.type]}`);
  }
  return attrs;
}

const all = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const same: Adapter = (n) => ({ attrs: n.attrs });

const reduction: Adapter = (n) => {
  const given = n.numbers(1);
  const noop = n.attrs.noop_with_empty_axes === 1;
  const axes = given?.length ? given : noop ? [] : all(n.rank());
  return { attrs: { axes, keepdims: n.attrs.keepdims ?? 1 }, data: 1 };
};

/** ConvTranspose may say `output_shape` in the place of its pads: what is too much is padding, the rest is added. */
function explicitOutput(n: CaseNode): Attrs {
  const { output_shape: given, ...attrs } = n.attrs;
  if (!Array.isArray(given)) return attrs;
  const kernel = n.shape(1).slice(2);
  const spatial = n.shape(0).slice(2);
  const ones = kernel.map(() => 1);
  const [strides, dilations] = [attrs.strides ?? ones, attrs.dilations ?? ones] as number[][];
  const excess = kernel.map((k, i) => strides[i] * (spatial[i] - 1) + (k - 1) * dilations[i] + 1 - Number(given[i]));
  const end = excess.map((e) => Math.floor(Math.max(e, 0) / 2));
  const begin = excess.map((e, i) => Math.max(e, 0) - end[i]);
  return { ...attrs, pads: [...begin, ...end], output_padding: excess.map((e) => Math.max(-e, 0)) };
}

export const ADAPTERS: Readonly<Record<string, Adapter>> = {
  Add: same,
  AveragePool: same,
  BatchNormalization: same,
  Clip: (n) => {
    const [min, max] = [n.numbers(1)?.[0], n.numbers(2)?.[0]];
    return { attrs: { ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) }, data: 1 };
  },
  Concat: same,
  Conv: same,
  ConvTranspose: (n) => ({ attrs: explicitOutput(n) }),
  Div: same,
  Dropout: (n) => ({ attrs: { ratio: n.numbers(1)?.[0] ?? 0.5 }, data: 1 }),
  Elu: same,
  Expand: (n) => ({ attrs: { shape: n.numbers(1)! }, data: 1 }),
  Flatten: same,
  Gather: same,
  Gelu: same,
  Gemm: same,
  GlobalAveragePool: same,
  GlobalMaxPool: same,
  GroupNormalization: same,
  HardSigmoid: same,
  HardSwish: same,
  Identity: same,
  InstanceNormalization: same,
  LayerNormalization: same,
  LeakyRelu: same,
  LogSoftmax: same,
  MatMul: same,
  Max: same,
  MaxPool: same,
  Min: same,
  Mish: same,
  Mul: same,
  Pad: (n) => {
    const rank = n.rank();
    // Before opset 11 the pads were an attribute.
    const given = n.numbers(1) ?? (n.attrs.pads as number[]);
    const axes = (n.numbers(3) ?? all(rank)).map((a) => (a < 0 ? a + rank : a));
    const pads = new Array<number>(2 * rank).fill(0);
    axes.forEach((axis, i) => {
      pads[axis] = given[i];
      pads[rank + axis] = given[axes.length + i];
    });
    const value = n.numbers(2)?.[0] ?? n.attrs.value ?? 0;
    return { attrs: { pads, mode: n.attrs.mode ?? 'constant', value }, data: 1 };
  },
  PRelu: same,
  ReduceMax: reduction,
  ReduceMean: reduction,
  ReduceSum: reduction,
  Relu: same,
  Reshape: (n) => ({ attrs: { shape: n.numbers(1)! }, data: 1 }),
  Selu: same,
  Resize: (n) => {
    const shape = n.shape(0);
    const { axes = all(n.rank()), ...attrs } = n.attrs;
    const sizes = n.numbers(3);
    const given = sizes ?? n.numbers(2)!;
    const scales = shape.map((extent, axis) => {
      const at = (axes as number[]).indexOf(axis);
      if (at < 0) return 1;
      return sizes ? given[at] / extent : given[at];
    });
    return { attrs: { ...attrs, scales }, data: 1 };
  },
  Sigmoid: same,
  Slice: (n) => {
    const [starts, ends, axes = all(starts!.length), steps] = [1, 2, 3, 4].map((i) => n.numbers(i));
    return { attrs: { starts: starts!, ends: ends!, axes, ...(steps ? { steps } : {}) }, data: 1 };
  },
  Softmax: same,
  Softplus: same,
  Sub: same,
  Tanh: same,
  Transpose: (n) => ({ attrs: { perm: n.attrs.perm ?? all(n.rank()).reverse() } }),
};

/** Ops that take any number of inputs in ONNX, and two in the IR. */
const TAKING_ANY_NUMBER = new Set(['Max', 'Min']);

/** A graph of the case's node, with the data that it takes. */
export function adaptCase(name: string, onnxCase: OnnxCase): { graph: Graph; feeds: Map<string, Tensor> } {
  const node = new CaseNode(onnxCase);
  const op = onnxCase.node.opType;
  const { attrs, data = node.inputCount } = ADAPTERS[op](node);
  const b = new GraphBuilder(name);
  const feeds = new Map<string, Tensor>();
  for (const id of onnxCase.node.input.slice(0, data)) {
    const t = onnxCase.inputs.get(id);
    if (!t) continue;
    feeds.set(id, t);
    b.input(id, t);
  }
  const inputs = onnxCase.node.input.slice(0, data);
  b.output('result', TAKING_ANY_NUMBER.has(op) ? inputs.reduce((a, c) => b.op(op, [a, c])) : b.op(op, inputs, attrs));
  return { graph: b.build(), feeds };
}
