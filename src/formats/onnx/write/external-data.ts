import { posix } from 'node:path';
import { clearField, create } from '@bufbuild/protobuf';
import {
  TensorProto_DataLocation as DataLocation,
  StringStringEntryProtoSchema,
  TensorProtoSchema,
} from '../../../onnx-proto/index.js';
import { tensorsOf } from '../external-data.js';
import type { OnnxFile } from '../onnx-file.js';

/** Tensors begin at multiples of it. */
const ALIGNMENT = 64;

/** Puts the data of tensors that had theirs in other files into files of the same names. Gives those files. */
export function writeExternalData({ path: modelPath, graph, external }: OnnxFile): Map<string, Uint8Array> {
  const parts = new Map<string, { bytes: Uint8Array; offset: number }[]>();
  const ends = new Map<string, number>();
  for (const { path } of external.values()) parts.set(path, []);
  for (const tensor of tensorsOf(graph)) {
    const place = external.get(tensor);
    if (!place) continue;
    const end = ends.get(place.path) ?? 0;
    const offset = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
    const bytes = tensor.rawData;
    parts.get(place.path)!.push({ bytes, offset });
    ends.set(place.path, offset + bytes.byteLength);
    const location = posix.relative(posix.dirname(modelPath), place.path);
    const entries = { location, offset: String(offset), length: String(bytes.byteLength) };
    // An empty field would be one that is there.
    clearField(tensor, TensorProtoSchema.field.rawData);
    tensor.dataLocation = DataLocation.EXTERNAL;
    tensor.externalData = Object.entries(entries).map(([key, value]) =>
      create(StringStringEntryProtoSchema, { key, value }),
    );
  }
  return new Map(
    [...parts].map(([path, pieces]) => {
      const file = new Uint8Array(ends.get(path) ?? 0);
      for (const { bytes, offset } of pieces) file.set(bytes, offset);
      return [path, file];
    }),
  );
}
