import { type OnnxAttr, type OnnxAttrs, OnnxModelBuilder } from '../../../src/engine/onnxruntime/model-builder.js';
import { type Graph, getSpec, type Node, type Shape } from '../../../src/graph/graph.js';
import { type DType, type Tensor, tensor } from '../../../src/graph/tensor.js';
import { DATA_TYPES, decodeModel, encodeModel } from '../../../src/onnx-proto/index.js';

/** Of the models that judges get: newer than that of the engine, so that all ops of the IR that ONNX has are in it. */
const OPSET = 21n;
const IR_VERSION = 10n;

/** How a node is written as the ONNX op that the IR's is named after. Attributes that are inputs in ONNX become constants. */
interface Written {
  readonly inputs?: readonly (Tensor | string)[];
  readonly attrs?: OnnxAttrs;
  readonly opType?: string;
}
interface Writing {
  readonly node: Node;
  readonly dtype: DType;
  /** Of the first input. */
  readonly shape: Shape;
  number(name: string): number | undefined;
  ints(name: string): readonly number[] | undefined;
  text(name: string): string | undefined;
}
type Form = (x: Writing) => Written;

const int64 = (values: readonly number[]): Tensor => tensor('int64', [values.length], values);

const zeros = (dtype: DType, count: number): Tensor => tensor(dtype, [count], new Array<number>(count).fill(0));

const defined = (attrs: Record<string, OnnxAttr | undefined>): OnnxAttrs =>
  Object.fromEntries(Object.entries(attrs).filter((entry): entry is [string, OnnxAttr] => entry[1] !== undefined));

const floats =
  (...names: string[]): Form =>
  (x) => ({
    attrs: defined(
      Object.fromEntries(
        names.map((name) => {
          const float = x.number(name);
          return [name, float === undefined ? undefined : { float }];
        }),
      ),
    ),
  });

const ints =
  (...names: string[]): Form =>
  (x) => ({ attrs: defined(Object.fromEntries(names.map((name) => [name, x.number(name)]))) });

const both =
  (...forms: Form[]): Form =>
  (x) => ({ attrs: Object.assign({}, ...forms.map((form) => form(x).attrs)) });

const window: Form = (x) => ({
  attrs: defined({
    kernel_shape: x.ints('kernel_shape'),
    strides: x.ints('strides'),
    dilations: x.ints('dilations'),
    pads: x.ints('pads'),
    output_padding: x.ints('output_padding'),
    auto_pad: x.text('auto_pad'),
    group: x.number('group'),
    ceil_mode: x.number('ceil_mode'),
    count_include_pad: x.number('count_include_pad'),
  }),
});

const reduction: Form = (x) => ({
  inputs: [int64(x.ints('axes') ?? [])],
  attrs: defined({ keepdims: x.number('keepdims'), noop_with_empty_axes: 1 }),
});

const bound = (x: Writing, name: string): Tensor | string => {
  const value = x.number(name);
  return value === undefined ? '' : tensor(x.dtype, [], [value]);
};

/** Ops of the IR that ONNX has: those that are left out here have neither inputs nor attributes to write otherwise. */
const FORMS: Readonly<Record<string, Form>> = {
  Conv: window,
  ConvTranspose: window,
  MaxPool: window,
  AveragePool: window,
  BatchNormalization: floats('epsilon'),
  BatchNormalizationTraining: (x) => ({
    opType: 'BatchNormalization',
    // With no momentum the running statistics that come out are the batch's.
    inputs: ['mean', 'variance'].map(() => zeros(x.dtype, Number(x.shape[1]))),
    attrs: { ...floats('epsilon')(x).attrs, training_mode: 1, momentum: { float: 0 } },
  }),
  InstanceNormalization: floats('epsilon'),
  GroupNormalization: both(floats('epsilon'), ints('num_groups')),
  LayerNormalization: both(floats('epsilon'), ints('axis')),
  Gemm: both(floats('alpha', 'beta'), ints('transA', 'transB')),
  LeakyRelu: floats('alpha'),
  Elu: floats('alpha'),
  Selu: floats('alpha', 'gamma'),
  HardSigmoid: floats('alpha', 'beta'),
  Gelu: (x) => ({ attrs: defined({ approximate: x.text('approximate') }) }),
  Clip: (x) => ({ inputs: [bound(x, 'min'), bound(x, 'max')] }),
  Pow: (x) => ({ inputs: [bound(x, 'exponent')] }),
  Dropout: (x) => ({ inputs: [tensor('float32', [], [x.number('ratio') ?? 0.5])] }),
  Softmax: ints('axis'),
  LogSoftmax: ints('axis'),
  Concat: ints('axis'),
  Flatten: ints('axis'),
  Gather: ints('axis'),
  ArgMax: ints('axis', 'keepdims'),
  Transpose: (x) => ({ attrs: defined({ perm: x.ints('perm') }) }),
  Reshape: (x) => ({ inputs: [int64(x.ints('shape')!)] }),
  Expand: (x) => ({ inputs: [int64(x.ints('shape')!)] }),
  Tile: (x) => ({ inputs: [int64(x.ints('repeats')!)] }),
  Slice: (x) => {
    const axes = x.ints('axes')!;
    const steps = x.ints('steps') ?? axes.map(() => 1);
    return { inputs: [x.ints('starts')!, x.ints('ends')!, axes, steps].map(int64) };
  },
  Pad: (x) => ({
    inputs: [int64(x.ints('pads')!), tensor(x.dtype, [], [x.number('value') ?? 0])],
    attrs: defined({ mode: x.text('mode') }),
  }),
  Resize: (x) => ({
    inputs: ['', tensor('float32', [x.shape.length], x.node.attrs.scales as number[])],
    attrs: defined({
      mode: x.text('mode'),
      coordinate_transformation_mode: x.text('coordinate_transformation_mode'),
      nearest_mode: x.text('nearest_mode'),
    }),
  }),
  Cast: (x) => ({ attrs: { to: DATA_TYPES[x.text('to') as DType] } }),
  ReduceSum: reduction,
  ReduceMean: reduction,
  ReduceMax: reduction,
};

/** The graph as an ONNX model of the ops that its own are named after, which no lowering has touched. */
export function onnxForm(graph: Graph): Uint8Array {
  const model = new OnnxModelBuilder('judged');
  for (const id of graph.values.keys()) model.reserve(id);
  for (const id of graph.inputs) model.input(id, getSpec(graph, id));
  for (const [id, constant] of graph.constants) model.initializer(id, constant.tensor);
  for (const node of graph.nodes) {
    const spec = getSpec(graph, node.inputs[0]);
    const attr = (name: string) => node.attrs[name];
    const {
      inputs = [],
      attrs,
      opType = node.op,
    } = FORMS[node.op]?.({
      node,
      dtype: spec.dtype,
      shape: spec.shape,
      number: (name) => attr(name) as number | undefined,
      ints: (name) => attr(name) as readonly number[] | undefined,
      text: (name) => attr(name) as string | undefined,
    }) ?? {};
    const extra = inputs.map((input) => (typeof input === 'string' ? input : model.literal(input)));
    model.node({ name: node.name, opType, inputs: [...node.inputs, ...extra], outputs: node.outputs, attrs });
  }
  for (const { value } of graph.outputs) model.output(value, getSpec(graph, value));
  const proto = decodeModel(model.encode());
  proto.irVersion = IR_VERSION;
  proto.opsetImport = proto.opsetImport.filter(({ domain }) => domain === '');
  proto.opsetImport[0].version = OPSET;
  return encodeModel(proto);
}
