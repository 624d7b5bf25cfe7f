/* Vectors of this level, through the compiler's vector extensions, and the way work is cut. */
#ifndef ES_SIMD_H
#define ES_SIMD_H

#include "../kernels.h"

#include <math.h>
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

/* The first `count` floats of a vector: the others are neither read nor written (loaded as 0). */
#if defined(__AVX512F__)
#include <immintrin.h>
static inline vf v_load_part(const float *p, int count) { return (vf)_mm512_maskz_loadu_ps((__mmask16)((1u << count) - 1), p); }
static inline void v_store_part(float *p, vf v, int count) { _mm512_mask_storeu_ps(p, (__mmask16)((1u << count) - 1), (__m512)v); }
#elif defined(__AVX2__)
#include <immintrin.h>
static const int32_t LANES[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
static inline __m256i first_lanes(int count) { return _mm256_loadu_si256((const __m256i *)(LANES + 8 - count)); }
static inline vf v_load_part(const float *p, int count) { return (vf)_mm256_maskload_ps(p, first_lanes(count)); }
static inline void v_store_part(float *p, vf v, int count) { _mm256_maskstore_ps(p, first_lanes(count), (__m256)v); }
#else
static inline vf v_load_part(const float *p, int count) {
  vf v = {0};
  for (int i = 0; i < V; i++) v[i] = i < count ? p[i] : 0;
  return v;
}
static inline void v_store_part(float *p, vf v, int count) {
  for (int i = 0; i < V; i++) {
    if (i < count) p[i] = v[i];
  }
}
#endif

#define ES_INLINE static inline __attribute__((always_inline))

/* The whole vector when count is V, which the compiler sees where it is constant. */
ES_INLINE vf v_load_first(const float *p, int count) { return count == V ? v_load(p) : v_load_part(p, count); }
ES_INLINE void v_store_first(float *p, vf v, int count) {
  if (count == V) v_store(p, v);
  else v_store_part(p, v, count);
}

typedef int32_t vi __attribute__((vector_size(4 * V), aligned(4), may_alias));

/* a where the mask is set, else b. */
static inline vf v_select(vi mask, vf a, vf b) { return (vf)(((vi)a & mask) | ((vi)b & ~mask)); }

/* v where it is not below least (not above most), else that; a NaN stays. */
#if defined(__AVX512F__)
static inline vf v_at_least(vf v, vf least) { return (vf)_mm512_max_ps((__m512)least, (__m512)v); }
static inline vf v_at_most(vf v, vf most) { return (vf)_mm512_min_ps((__m512)most, (__m512)v); }
#elif defined(__AVX2__)
static inline vf v_at_least(vf v, vf least) { return (vf)_mm256_max_ps((__m256)least, (__m256)v); }
static inline vf v_at_most(vf v, vf most) { return (vf)_mm256_min_ps((__m256)most, (__m256)v); }
#else
static inline vf v_at_least(vf v, vf least) { return v_select(v < least, least, v); }
static inline vf v_at_most(vf v, vf most) { return v_select(v > most, most, v); }
#endif

/* What an activation keeps values within: see es_epilogue. */
typedef struct {
  vf least, most;
} v_bounds;

ES_INLINE v_bounds v_bounds_of(int relu, float relu_max) {
  return (v_bounds){v_all(relu ? 0 : -INFINITY), v_all(relu && relu_max > 0 ? relu_max : INFINITY)};
}
ES_INLINE vf v_bounded(vf v, v_bounds b) { return v_at_most(v_at_least(v, b.least), b.most); }

/* A body for each of M rows m (12 at most) and of N columns j (1 or 2), unrolled by hand, m and j being constants: only then the compiler keeps an
 * array of accumulators in registers from the first to the last. */
#define ES_ROW(M, row, body) \
  if (row < M) {             \
    enum { m = row };        \
    body;                    \
  }
#define ES_ROWS(M, body)                                                                                             \
  {                                                                                                                  \
    ES_ROW(M, 0, body) ES_ROW(M, 1, body) ES_ROW(M, 2, body) ES_ROW(M, 3, body) ES_ROW(M, 4, body) ES_ROW(M, 5, body) \
    ES_ROW(M, 6, body) ES_ROW(M, 7, body) ES_ROW(M, 8, body) ES_ROW(M, 9, body) ES_ROW(M, 10, body) ES_ROW(M, 11, body) \
  }
#define ES_COLUMNS(N, body)   \
  {                           \
    {                         \
      enum { j = 0 };         \
      body;                   \
    }                         \
    if (N > 1) {              \
      enum { j = 1 };         \
      body;                   \
    }                         \
  }

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
