/* Functions of float32 that compile to vector code, within 2 units in the last place; double ones are the library's. */
#include <math.h>
#include <stdint.h>
#include <string.h>

static inline float es_bits_float(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* 2^n·e^r with n = round(x/ln 2) and |r| ≤ ln 2/2 (Cephes). n may leave the exponent's range by one, so 2^n goes in as two
 * factors. */
static inline float es_expf(float x) {
  float inside = x > 89.0f ? 89.0f : x;
  inside = inside < -104.0f ? -104.0f : inside;
  float shifted = inside * 1.44269504f + 12582912.0f;
  float n = shifted - 12582912.0f;
  float r = inside - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  int32_t whole = (int32_t)n;
  int32_t half = whole >> 1;
  float value = p * es_bits_float((uint32_t)(half + 127) << 23) * es_bits_float((uint32_t)(whole - half + 127) << 23); /* of a NaN: whatever */
  return x != x ? x : value;
}

static inline float es_sigmoidf(float x) { return 1.0f / (1.0f + es_expf(-x)); }

/* An odd polynomial near 0 (Cephes), 1 - 2/(e^2|x| + 1) beyond. */
static inline float es_tanhf(float x) {
  float z = x < 0 ? -x : x;
  float s = x * x;
  float p = -5.70498872745e-3f;
  p = p * s + 2.06390887954e-2f;
  p = p * s - 5.37397155531e-2f;
  p = p * s + 1.33314422036e-1f;
  p = p * s - 3.33332819422e-1f;
  p = p * s * x + x;
  float far = 1.0f - 2.0f / (es_expf(2.0f * z) + 1.0f);
  far = x < 0 ? -far : far;
  return z < 0.625f ? p : far;
}

static inline float es_softplusf(float x) { return (x > 0 ? x : 0) + log1pf(es_expf(x > 0 ? -x : x)); }

static inline double es_exp(double x) { return exp(x); }
static inline double es_tanh(double x) { return tanh(x); }
static inline double es_sigmoid(double x) { return 1 / (1 + exp(-x)); }
static inline double es_softplus(double x) { return (x > 0 ? x : 0) + log1p(exp(x > 0 ? -x : x)); }
