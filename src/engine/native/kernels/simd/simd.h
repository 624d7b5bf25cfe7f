/* Vectors of this level, through the compiler's vector extensions, and the way work is cut. */
#ifndef ES_SIMD_H
#define ES_SIMD_H

#include "../kernels.h"

#include <stdint.h>

#if defined(__AVX512F__)
enum { V = 16 };
#elif defined(__AVX2__)
enum { V = 8 };
#else
enum { V = 4 };
#endif

/* A vector of V floats; memory is read and written at any float's address. */
typedef float vf __attribute__((vector_size(4 * V), aligned(4), may_alias));

static inline vf v_load(const float *p) { return *(const vf *)p; }
static inline void v_store(float *p, vf v) { *(vf *)p = v; }
static inline vf v_all(float value) { return value - (vf){0}; }
static inline vf v_zero(void) { return (vf){0}; }

/* Part `index` of `parts` of [0, count): [from, to), in multiples of `unit`. */
static inline void share(long count, long unit, int index, int parts, long *from, long *to) {
  long units = (count + unit - 1) / unit;
  *from = units * index / parts * unit;
  *to = units * (index + 1) / parts * unit;
  if (*from > count) *from = count;
  if (*to > count) *to = count;
}

static inline size_t round_up(size_t count, size_t unit) { return (count + unit - 1) / unit * unit; }

/* Floats of scratch in whole cache lines. */
static inline size_t lines(size_t floats) { return round_up(floats, 16); }

/* NaN passes through, as in PyTorch. */
static inline float activate(float v, int relu, float relu_max) {
  if (!relu) return v;
  v = v < 0 ? 0 : v;
  return relu_max > 0 && v > relu_max ? relu_max : v;
}

#endif
