import { float32ToFloat16 } from '../../src/onnx-proto/half.js';

export type QuantizedType = 'float16' | 'uint16' | 'uint8';

/** A weight's codes and its manifest entry's `quantization`, as TensorFlow.js's converter writes them. */
function quantize(values: Float32Array, dtype: QuantizedType): { codes: ArrayBufferView; quantization: object } {
  if (dtype === 'float16') {
    return { codes: float32ToFloat16(values), quantization: { dtype, original_dtype: 'float32' } };
  }
  const steps = dtype === 'uint8' ? 255 : 65535;
  const min = values.reduce((a, b) => Math.min(a, b), 0);
  const max = values.reduce((a, b) => Math.max(a, b), 0);
  const scale = max > min ? (max - min) / steps : 1;
  const codes = Array.from(values, (v) => Math.round((v - min) / scale));
  return {
    codes: dtype === 'uint8' ? Uint8Array.from(codes) : Uint16Array.from(codes),
    quantization: { dtype, min, scale, original_dtype: 'float32' },
  };
}

/** The files of a model of one shard, with every weight quantized. */
export function quantizedFiles(files: ReadonlyMap<string, Uint8Array>, dtype: QuantizedType): Map<string, Uint8Array> {
  const json = JSON.parse(Buffer.from(files.get('model.json')!).toString());
  const [group] = json.weightsManifest;
  const bytes = files.get(group.paths[0])!;
  const parts: Uint8Array[] = [];
  let offset = bytes.byteOffset;
  for (const weight of group.weights) {
    const count = weight.shape.reduce((n: number, d: number) => n * d, 1);
    const { codes, quantization } = quantize(
      new Float32Array(bytes.buffer.slice(offset, offset + 4 * count) as ArrayBuffer),
      dtype,
    );
    offset += 4 * count;
    weight.quantization = quantization;
    parts.push(new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength));
  }
  return new Map([
    ...files,
    ['model.json', Buffer.from(JSON.stringify(json))],
    [group.paths[0], new Uint8Array(Buffer.concat(parts))],
  ]);
}
