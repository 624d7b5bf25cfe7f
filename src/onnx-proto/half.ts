/**
 * 16-bit floats on the host, where JavaScript has no typed array for them: IEEE 754 binary16 and bfloat16, as bit
 * patterns in a Uint16Array. Narrowing rounds to nearest, ties to even.
 */

const bits = new Uint32Array(1);
const float = new Float32Array(bits.buffer);

function widenFloat16(h: number): number {
  const sign = h & 0x8000 ? -1 : 1;
  const exponent = (h >> 10) & 0x1f;
  const fraction = h & 0x3ff;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

function narrowFloat16(value: number): number {
  float[0] = value;
  const sign = (bits[0] >>> 16) & 0x8000;
  const magnitude = bits[0] & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  // 65520 is halfway from the largest finite half to the next power of two; ties go to even, which is infinity.
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
  // Subnormal: a whole number of 2^-24. The largest rounds up into the smallest normal number by itself.
  const units = Math.abs(float[0]) * 2 ** 24;
  const floor = Math.floor(units);
  const rest = units - floor;
  return sign | (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor);
}

export function float16ToFloat32(halves: Uint16Array): Float32Array {
  return Float32Array.from(halves, widenFloat16);
}

export function float32ToFloat16(values: Float32Array): Uint16Array {
  return Uint16Array.from(values, narrowFloat16);
}

export function bfloat16ToFloat32(halves: Uint16Array): Float32Array {
  const wide = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) wide[i] = halves[i] << 16;
  return new Float32Array(wide.buffer);
}

export function float32ToBfloat16(values: Float32Array): Uint16Array {
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    float[0] = values[i];
    const nan = (bits[0] & 0x7fffffff) > 0x7f800000;
    out[i] = nan ? (bits[0] >>> 16) | 0x40 : (bits[0] + 0x7fff + ((bits[0] >>> 16) & 1)) >>> 16;
  }
  return out;
}
