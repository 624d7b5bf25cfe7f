import { readFileSync } from 'node:fs';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type DType, type Tensor, tensor } from '../../src/graph/tensor.js';
import {
  decodeModel,
  decodeTensor,
  encodeModel,
  encodeTensor,
  ModelProtoSchema,
  TensorProto_DataLocation,
  TensorProto_DataType,
  TensorProtoSchema,
} from '../../src/onnx-proto/index.js';
import { describeShared } from '../shared.js';

const { FLOAT16, BFLOAT16 } = TensorProto_DataType;
const throughBytes = (t: Tensor, dataType?: TensorProto_DataType) =>
  decodeTensor(fromBinary(TensorProtoSchema, toBinary(TensorProtoSchema, encodeTensor('t', t, dataType))));
const float16 = (v: number) => throughBytes(tensor('float32', [1], [v]), FLOAT16).data[0];

describe('tensors', () => {
  test.each<DType>(['float32', 'float64', 'int32', 'int64', 'uint8', 'bool'])(
    '%s goes through bytes unchanged',
    (d) => {
      const t = tensor(d, [2, 3], [0, 1, 1, 0, 1, 1]);
      expect(throughBytes(t)).toEqual(t);
    },
  );

  test('scalars and empty tensors keep their shape', () => {
    expect(throughBytes(tensor('float32', [], [2.5]))).toEqual(tensor('float32', [], [2.5]));
    expect(throughBytes(tensor('int64', [2, 0], []))).toEqual(tensor('int64', [2, 0], []));
  });

  test('a view into a larger buffer writes only its own bytes', () => {
    const data = new Float32Array([9, 1, 2, 9]).subarray(1, 3);
    expect(throughBytes({ dtype: 'float32', shape: [2], data })).toEqual(tensor('float32', [2], [1, 2]));
  });

  test('every float16 bit pattern widens and narrows to itself, or to a NaN', () => {
    const rawData = new Uint8Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer);
    const wide = decodeTensor(create(TensorProtoSchema, { dims: [65536n], dataType: FLOAT16, rawData }));
    const again = new Uint16Array(encodeTensor('t', wide, FLOAT16).rawData.slice().buffer);
    for (let i = 0; i < 65536; i++) {
      if (Number.isNaN(wide.data[i] as number)) expect(again[i] & 0x7fff).toBe(0x7e00);
      else expect(again[i]).toBe(i);
    }
  });

  test('narrowing to float16 gives the nearest of the two neighbours, ties to even', () => {
    expect(float16(1 + 2 ** -11)).toBe(1);
    expect(float16(1 + 3 * 2 ** -11)).toBe(1 + 2 ** -9);
    expect(float16(65519.99)).toBe(65504);
    expect(float16(65520)).toBe(Number.POSITIVE_INFINITY);
    expect(float16(2 ** -25)).toBe(0);
    expect(float16(1.5 * 2 ** -24)).toBe(2 ** -23);
    fc.assert(
      fc.property(fc.float({ min: -60000, max: 60000, noNaN: true }), (v) => {
        const ulp = 2 ** Math.max(-24, Math.floor(Math.log2(Math.abs(v) || 1)) - 10);
        expect(Math.abs((float16(v) as number) - v)).toBeLessThanOrEqual(ulp / 2);
      }),
    );
  });

  test('bfloat16 keeps eight bits of the fraction', () => {
    const t = throughBytes(tensor('float32', [3], [1 + 2 ** -9, -3.140625, Number.POSITIVE_INFINITY]), BFLOAT16);
    expect([...(t.data as Float32Array)]).toEqual([1, -3.140625, Number.POSITIVE_INFINITY]);
  });

  test('typed fields are read', () => {
    const read = (init: Parameters<typeof create<typeof TensorProtoSchema>>[1]) =>
      decodeTensor(create(TensorProtoSchema, init));
    expect(read({ dims: [2n], dataType: TensorProto_DataType.FLOAT, floatData: [1.5, -2] })).toEqual(
      tensor('float32', [2], [1.5, -2]),
    );
    expect(read({ dims: [1n], dataType: FLOAT16, int32Data: [0x3e00] })).toEqual(tensor('float32', [1], [1.5]));
    expect(read({ dims: [1n], dataType: TensorProto_DataType.INT8, int32Data: [-3] })).toEqual(
      tensor('int32', [1], [-3]),
    );
    expect(read({ dims: [1n], dataType: TensorProto_DataType.INT64, int64Data: [-3n] })).toEqual(
      tensor('int64', [1], [-3]),
    );
    expect(read({ dims: [1n], dataType: TensorProto_DataType.DOUBLE, doubleData: [0.1] })).toEqual(
      tensor('float64', [1], [0.1]),
    );
  });

  test('faults name the tensor, what was found and what was expected', () => {
    const FLOAT = TensorProto_DataType.FLOAT;
    const decode = (init: Parameters<typeof create<typeof TensorProtoSchema>>[1]) => () =>
      decodeTensor(create(TensorProtoSchema, { name: 'w', ...init }));
    expect(decode({ dims: [3n], dataType: FLOAT, rawData: new Uint8Array(8) })).toThrow(/tensor w has 8 bytes.*12/);
    expect(decode({ dims: [3n], dataType: FLOAT, floatData: [1] })).toThrow(/tensor w has 1 elements.*3/);
    expect(decode({ dims: [1n], dataType: TensorProto_DataType.STRING })).toThrow(/tensor w is of STRING/);
    expect(decode({ dims: [1n << 40n, 1n << 40n], dataType: FLOAT })).toThrow(/tensor w has the shape/);
    const externalData = [{ key: 'location', value: 'weights.bin' }];
    expect(
      decode({ dims: [1n], dataType: FLOAT, dataLocation: TensorProto_DataLocation.EXTERNAL, externalData }),
    ).toThrow(/weights\.bin/);
    expect(decode({ dims: [1n], dataType: TensorProto_DataType.UINT64, uint64Data: [0xffffffffffffffffn] })).toThrow(
      /tensor w.*18446744073709551615/,
    );
  });
});

test('tensors of a message read from a Buffer', () => {
  const bytes = toBinary(TensorProtoSchema, encodeTensor('t', tensor('float64', [2], [1, 2])));
  expect(decodeTensor(fromBinary(TensorProtoSchema, Buffer.from(bytes)))).toEqual(tensor('float64', [2], [1, 2]));
});

describe('models', () => {
  test('bytes that are no model are refused', () => {
    expect(() => decodeModel(new Uint8Array([0xff, 0xff, 0xff]))).toThrow(/not an ONNX model/);
    expect(() => decodeModel(new Uint8Array())).toThrow(/no graph/);
  });

  test('fields that the schema does not know survive', () => {
    const known = toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 11n, graph: { name: 'g' } }));
    // field 999, wire type 2, three bytes
    const bytes = new Uint8Array([...known, 0xba, 0x3e, 3, 1, 2, 3]);
    expect([...encodeModel(decodeModel(bytes))]).toEqual([...bytes]);
  });
});

describeShared('models of others', 'conformance/onnx/light', (folder) => {
  test('a model decodes and encodes to the same messages', () => {
    const model = decodeModel(readFileSync(`${folder}/light_squeezenet.onnx`));
    expect(model.graph?.node.length).toBeGreaterThan(50);
    expect(decodeModel(encodeModel(model))).toEqual(model);
  });
});
