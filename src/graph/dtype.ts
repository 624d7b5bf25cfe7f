/** Element types of values. Names follow NumPy; ONNX's and Keras's are mapped by the readers. */
export type DType = 'float32' | 'float64' | 'int32' | 'int64' | 'uint8' | 'bool';
