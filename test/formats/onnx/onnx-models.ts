import { create } from '@bufbuild/protobuf';
import type { Tensor } from '../../../src/graph/tensor.js';
import {
  type AttributeProto,
  AttributeProtoSchema,
  TensorProto_DataType as DataType,
  encodeModel,
  encodeTensor,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  NodeProtoSchema,
  type TensorProto,
  AttributeProto_AttributeType as Type,
  ValueInfoProtoSchema,
} from '../../../src/onnx-proto/index.js';

export type Attribute = number | string | readonly number[] | { readonly float: number } | { readonly tensor: Tensor };

/** `[opType, inputs, outputs, attributes, name]`; the name is by default that of the first output. */
export type NodeSketch = readonly [
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes?: Readonly<Record<string, Attribute>>,
  name?: string,
];

export interface ModelSketch {
  readonly inputs: Readonly<Record<string, readonly (number | string)[]>>;
  readonly outputs: Readonly<Record<string, readonly (number | string)[]>>;
  readonly weights?: Readonly<Record<string, Tensor | TensorProto>>;
  readonly nodes: readonly NodeSketch[];
  readonly values?: Readonly<Record<string, readonly (number | string)[]>>;
  readonly opset?: number;
  readonly irVersion?: number;
  readonly elementType?: DataType;
  readonly domains?: Readonly<Record<string, number>>;
  /** Lists initializers among the inputs, as files before IR version 4 do. */
  readonly listInitializers?: boolean;
}

function attribute(name: string, value: Attribute): AttributeProto {
  if (typeof value === 'number') return create(AttributeProtoSchema, { name, type: Type.INT, i: BigInt(value) });
  if (typeof value === 'string') {
    return create(AttributeProtoSchema, { name, type: Type.STRING, s: new TextEncoder().encode(value) });
  }
  if ('float' in value) return create(AttributeProtoSchema, { name, type: Type.FLOAT, f: value.float });
  if ('tensor' in value)
    return create(AttributeProtoSchema, { name, type: Type.TENSOR, t: encodeTensor('', value.tensor) });
  return create(AttributeProtoSchema, { name, type: Type.INTS, ints: value.map(BigInt) });
}

function valueInfo(name: string, shape: readonly (number | string)[], elemType: DataType) {
  const dim = shape.map((d) => ({
    value:
      typeof d === 'number' ? { case: 'dimValue' as const, value: BigInt(d) } : { case: 'dimParam' as const, value: d },
  }));
  return create(ValueInfoProtoSchema, {
    name,
    type: { value: { case: 'tensorType', value: { elemType, shape: { dim } } } },
  });
}

/** A small ONNX model. */
export function onnxModel(sketch: ModelSketch): ModelProto {
  const { inputs, outputs, weights = {}, nodes, values = {}, elementType = DataType.FLOAT } = sketch;
  const infos = (shapes: Readonly<Record<string, readonly (number | string)[]>>) =>
    Object.entries(shapes).map(([name, shape]) => valueInfo(name, shape, elementType));
  const initializer = Object.entries(weights).map(([name, w]) =>
    'dims' in w ? { ...w, name } : encodeTensor(name, w),
  );
  const listed = sketch.listInitializers
    ? initializer.map((t) => valueInfo(t.name, t.dims.map(Number), t.dataType))
    : [];
  return create(ModelProtoSchema, {
    irVersion: BigInt(sketch.irVersion ?? 8),
    producerName: 'sketch',
    opsetImport: Object.entries({ '': sketch.opset ?? 17, ...sketch.domains }).map(([domain, version]) => ({
      domain,
      version: BigInt(version),
    })),
    graph: create(GraphProtoSchema, {
      name: 'sketch',
      node: nodes.map(([opType, input, output, attributes = {}, name = output[0]]) => {
        const [domain, type] = opType.includes('::') ? opType.split('::') : ['', opType];
        return create(NodeProtoSchema, {
          name,
          opType: type,
          domain,
          input: [...input],
          output: [...output],
          attribute: Object.entries(attributes).map(([key, value]) => attribute(key, value)),
        });
      }),
      initializer,
      input: [...infos(inputs), ...listed],
      output: infos(outputs),
      valueInfo: infos(values),
    }),
  });
}

export function onnxBytes(sketch: ModelSketch): Uint8Array {
  return encodeModel(onnxModel(sketch));
}
