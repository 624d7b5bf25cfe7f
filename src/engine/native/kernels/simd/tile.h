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

/* `whole` for every vector of a tile; `part` for the last of its rows where that has fewer than V channels. */
#define ES_EACH(M, N, tail, whole, part)                                          \
  if ((tail) == V) {                                                              \
    ES_ROWS(M, ES_COLUMNS(N, whole))                                              \
  } else {                                                                        \
    ES_ROWS(M, ES_COLUMNS(N, if (j < N - 1) { whole; } else { part; }))           \
  }

/* One function a size: M rows of N vectors, N being 1 or 2. Every load of an output comes before any store, so a short tile may repeat its
 * last pixel. */
#define ES_TILE(name, M, N)                                                                                                       \
  __attribute__((noinline)) static void name(const tile_job *job, const float *x, const int32_t *in, float *y, const long *out) { \
    vf acc[TILE_MAX][2];                                                                                                          \
    const int tail = job->tail;                                                                                                   \
    if (job->first) {                                                                                                             \
      ES_COLUMNS(N, {                                                                                                             \
        vf bias = v_zero();                                                                                                       \
        if (job->bias) bias = v_load_first(job->bias + j * V, j < N - 1 ? V : tail);                                    \
        ES_ROWS(M, acc[m][j] = bias)                                                                                              \
      })                                                                                                                          \
      const float *from = job->residual;                                                                                          \
      if (from) {                                                                                                                 \
        ES_EACH(M, N, tail, acc[m][j] += v_load(from + out[m] + j * V), acc[m][j] += v_load_part(from + out[m] + j * V, tail))    \
      }                                                                                                                           \
    } else {                                                                                                                      \
      ES_EACH(M, N, tail, acc[m][j] = v_load(y + out[m] + j * V), acc[m][j] = v_load_part(y + out[m] + j * V, tail))              \
    }                                                                                                                             \
    const float *w = job->weights;                                                                                                \
    for (int p = 0; p < job->count; p++) {                                                                                        \
      const float *from[TILE_MAX];                                                                                                \
      ES_ROWS(M, from[m] = x + in[m] + job->pieces[p].offset)                                                                     \
      const long count = job->pieces[p].count;                                                                                    \
      for (long k = 0; k < count; k++) {                                                                  \
        vf b[2];                                                                                                                  \
        ES_COLUMNS(N, b[j] = v_load(w + j * V))                                                                                   \
        w += N * V;                                                                                                               \
        ES_ROWS(M, {                                                                                                              \
          vf a = v_all(from[m][k]);                                                                                               \
          ES_COLUMNS(N, acc[m][j] += a * b[j])                                                                                    \
        })                                                                                                                        \
      }                                                                                                                           \
    }                                                                                                                             \
    if (job->last && job->relu) {                                                                                                 \
      const v_bounds bounds = v_bounds_of(1, job->relu_max);                                                                      \
      ES_ROWS(M, ES_COLUMNS(N, acc[m][j] = v_bounded(acc[m][j], bounds)))                                                         \
    }                                                                                                                             \
    ES_EACH(M, N, tail, v_store(y + out[m] + j * V, acc[m][j]), v_store_part(y + out[m] + j * V, acc[m][j], tail))                \
  }

#endif
