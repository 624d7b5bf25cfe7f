/* Register tiles: M pixels × N vectors of channels, accumulated over a block of K.
 *
 * The pixels of a tile are free pointers, so that a tile wraps over rows and images and no width is wasted; what they read is a list of
 * pieces, each contiguous, at the same distances from every pixel. Weights come packed: [k][N·V]. M·N accumulators, N weights and one
 * broadcast fill the registers: 6×2 of AVX2's 16. */
#ifndef ES_TILE_H
#define ES_TILE_H

#include "simd.h"

#if defined(__AVX512F__)
enum { TILE_M2 = 12, TILE_M1 = 12, TILE_MAX = 12 };
#elif defined(__aarch64__)
enum { TILE_M2 = 8, TILE_M1 = 12, TILE_MAX = 12 };
#else
enum { TILE_M2 = 6, TILE_M1 = 8, TILE_MAX = 8 };
#endif

/* A contiguous part of what a pixel reads. */
typedef struct {
  int offset, count; /* floats */
} piece;

typedef struct {
  const piece *pieces;
  int count;             /* of pieces */
  const float *weights;  /* [sum of the pieces' counts][N·V] */
  int first, last;       /* the first block of K starts from bias and residual; the last one applies the activation */
  const float *bias;     /* of the tile's channels; or NULL */
  const float *residual; /* laid out as y, from the tile's first channel; or NULL */
  int relu;
  float relu_max;
  int tail; /* channels in the last vector: 1 to V */
} tile_job;

static inline vf tile_activate(vf v, const tile_job *job) {
  v = v_select(v < 0, v_zero(), v); /* a NaN compares false and stays */
  if (job->relu_max > 0) v = v_select(v > job->relu_max, v_all(job->relu_max), v);
  return v;
}

/* One function a size. M and N are constants, so the loops over them unroll and acc stays in registers. Every load of an output comes before
 * any store, so a short tile may repeat its last pixel. */
#define ES_TILE(name, M, N)                                                                              \
  __attribute__((noinline)) static void name(const tile_job *job, const float *x, const int32_t *in, float *y, const long *out) { \
    vf acc[M][N];                                                                                        \
    const int last_full = job->tail == V;                                                                \
    if (job->first) {                                                                                    \
      for (int j = 0; j < N; j++) {                                                                      \
        vf bias = v_zero();                                                                              \
        if (job->bias) bias = j < N - 1 || last_full ? v_load(job->bias + j * V) : v_load_part(job->bias + j * V, job->tail); \
        for (int m = 0; m < M; m++) acc[m][j] = bias;                                                    \
      }                                                                                                  \
    } else {                                                                                             \
      for (int m = 0; m < M; m++) {                                                                      \
        for (int j = 0; j < N; j++) {                                                                    \
          const float *from = y + out[m] + j * V;                                                        \
          acc[m][j] = j < N - 1 || last_full ? v_load(from) : v_load_part(from, job->tail);              \
        }                                                                                                \
      }                                                                                                  \
    }                                                                                                    \
    if (job->first && job->residual) {                                                               \
      for (int m = 0; m < M; m++) {                                                                      \
        for (int j = 0; j < N; j++) {                                                                    \
          const float *from = job->residual + out[m] + j * V;                                     \
          acc[m][j] += j < N - 1 || last_full ? v_load(from) : v_load_part(from, job->tail);             \
        }                                                                                                \
      }                                                                                                  \
    }                                                                                                    \
    const float *w = job->weights;                                                                       \
    for (int p = 0; p < job->count; p++) {                                                               \
      const float *from[M];                                                                              \
      for (int m = 0; m < M; m++) from[m] = x + in[m] + job->pieces[p].offset;                           \
      const long count = job->pieces[p].count;                                                           \
      _Pragma("GCC unroll 2") for (long k = 0; k < count; k++) {                                         \
        vf b[N];                                                                                         \
        for (int j = 0; j < N; j++) b[j] = v_load(w + j * V);                                            \
        w += N * V;                                                                                      \
        for (int m = 0; m < M; m++) {                                                                    \
          vf a = v_all(from[m][k]);                                                                      \
          for (int j = 0; j < N; j++) acc[m][j] += a * b[j];                                             \
        }                                                                                                \
      }                                                                                                  \
    }                                                                                                    \
    if (job->last && job->relu) {                                                                        \
      for (int m = 0; m < M; m++) {                                                                      \
        for (int j = 0; j < N; j++) acc[m][j] = tile_activate(acc[m][j], job);                           \
      }                                                                                                  \
    }                                                                                                    \
    for (int m = 0; m < M; m++) {                                                                        \
      for (int j = 0; j < N; j++) {                                                                      \
        float *to = y + out[m] + j * V;                                                                  \
        if (j < N - 1 || last_full) v_store(to, acc[m][j]);                                              \
        else v_store_part(to, acc[m][j], job->tail);                                                     \
      }                                                                                                  \
    }                                                                                                    \
  }

#endif
