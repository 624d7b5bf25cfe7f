import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { EspalierError } from '../errors.js';
import { type ModelProto, ModelProtoSchema } from './onnx_pb.js';

/**
 * Reads the bytes of an `.onnx` file. Fields that this version of the schema doesn't know are kept, and written again
 * by {@link encodeModel}.
 * @throws EspalierError MODEL_INVALID when the bytes are no protobuf, or hold no graph.
 */
export function decodeModel(bytes: Uint8Array): ModelProto {
  let model: ModelProto;
  try {
    // A plain view: a Buffer's bytes fields would be Buffers, whose slice() shares memory.
    model = fromBinary(ModelProtoSchema, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new EspalierError('MODEL_INVALID', `not an ONNX model: ${detail}`, { cause });
  }
  if (!model.graph) throw new EspalierError('MODEL_INVALID', 'not an ONNX model: it holds no graph');
  return model;
}

/** The bytes of an `.onnx` file, unknown fields included. */
export function encodeModel(model: ModelProto): Uint8Array<ArrayBuffer> {
  return toBinary(ModelProtoSchema, model);
}
