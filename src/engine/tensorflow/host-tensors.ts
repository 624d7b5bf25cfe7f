import type { DType, Tensor, TensorData } from '../../graph/tensor.js';
import type { DeviceTensor, TF } from './value.js';

type DeviceType = 'float32' | 'int32' | 'bool';

interface Storage {
  readonly device: DeviceType;
  toDevice(data: TensorData): Float32Array | Int32Array | Uint8Array;
  fromDevice(data: ArrayLike<number>): TensorData;
}

/**
 * TensorFlow.js has three types of numbers. The wider ones of the IR are held in them: float64 with the precision of
 * float32, int64 within the range of int32 (class labels and indices).
 */
const STORAGE: Readonly<Record<DType, Storage>> = {
  float32: {
    device: 'float32',
    toDevice: (data) => data as Float32Array,
    fromDevice: (data) => (data instanceof Float32Array ? data : Float32Array.from(data)),
  },
  float64: {
    device: 'float32',
    toDevice: (data) => Float32Array.from(data as Float64Array),
    fromDevice: (data) => Float64Array.from(data),
  },
  int32: {
    device: 'int32',
    toDevice: (data) => data as Int32Array,
    fromDevice: (data) => (data instanceof Int32Array ? data : Int32Array.from(data)),
  },
  int64: {
    device: 'int32',
    toDevice: (data) => Int32Array.from(data as BigInt64Array, narrowed),
    fromDevice: (data) => BigInt64Array.from(Array.from(data, BigInt)),
  },
  uint8: {
    device: 'int32',
    toDevice: (data) => Int32Array.from(data as Uint8Array),
    fromDevice: (data) => Uint8Array.from(data),
  },
  bool: {
    device: 'bool',
    toDevice: (data) => data as Uint8Array,
    fromDevice: (data) => (data instanceof Uint8Array ? data : Uint8Array.from(data)),
  },
};

function narrowed(value: bigint): number {
  if (BigInt.asIntN(32, value) !== value) {
    throw new RangeError(`the int64 value ${value} does not fit int32, which the tensorflow engine holds it in`);
  }
  return Number(value);
}

/** The type that holds an IR dtype on the device. */
export function deviceType(dtype: DType): DeviceType {
  return STORAGE[dtype].device;
}

/** @throws RangeError for an int64 beyond int32. */
export function upload(tf: TF, { dtype, shape, data }: Tensor): DeviceTensor {
  const { device, toDevice } = STORAGE[dtype];
  return tf.tensor(toDevice(data), [...shape], device);
}

/** Waits for the device, and reads a tensor as an IR dtype that its type holds. */
export async function download(tensor: DeviceTensor, dtype: DType): Promise<Tensor> {
  if (tensor.dtype !== deviceType(dtype)) {
    throw new Error(`a tensor of type ${tensor.dtype} can not be read as ${dtype}`);
  }
  return { dtype, shape: tensor.shape, data: STORAGE[dtype].fromDevice(await tensor.data()) };
}
