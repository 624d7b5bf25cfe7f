/** The ONNX protobuf codec: messages, and conversions between TensorProto and {@link Tensor}. */
export { decodeModel, encodeModel } from './model-codec.js';
export * from './onnx_pb.js';
export { DATA_TYPES, decodeTensor, encodeTensor, findDType } from './tensor-codec.js';
