/* Register tiles of filter gradients: rows of x that lie side by side × vectors of dy, summed over pixels. */
#ifndef ES_GRAD_TILE_H
#define ES_GRAD_TILE_H

#include "simd.h"

enum { GRAD_ROWS = 6 };

typedef struct {
  const int32_t *row_at;
  int rows, columns;
  long step;       /* floats of x from a pixel to the next */
  int first;       /* there are no sums yet */
} tile_walk;

/* G groups of GRAD_ROWS rows × N vectors: sums[g·GRAD_ROWS + i][N·V] += x_g[i] · dy, over the pixels of a chunk, which are summed apart: the sum of
 * few large sums rounds less. Latency asks for 8 chains and more, the registers
 * allow 12 (24 where there are 32). */
#define ES_GRAD_TILE(name, G, N)                                                                                 \
  __attribute__((noinline)) static void name(const tile_walk *walk, const float *const *x, const float *dy, float *sums) { \
    vf acc[G * GRAD_ROWS][N];                                                                                         \
    for (int i = 0; i < G * GRAD_ROWS; i++) {                                                                         \
      for (int j = 0; j < N; j++) acc[i][j] = v_zero();                                                          \
    }                                                                                                            \
    for (int row = 0; row < walk->rows; row++) {                                                                 \
      const float *at[G];                                                                                        \
      for (int g = 0; g < G; g++) at[g] = x[g] + walk->row_at[row];                                              \
      _Pragma("GCC unroll 2") for (int column = 0; column < walk->columns; column++) {                           \
        vf b[N];                                                                                                 \
        for (int j = 0; j < N; j++) b[j] = v_load(dy + j * V);                                                   \
        dy += N * V;                                                                                             \
        for (int i = 0; i < G * GRAD_ROWS; i++) {                                                                     \
          vf a = v_all(at[i / GRAD_ROWS][i % GRAD_ROWS]);                                                                  \
          for (int j = 0; j < N; j++) acc[i][j] += a * b[j];                                                     \
        }                                                                                                        \
        for (int g = 0; g < G; g++) at[g] += walk->step;                                                         \
      }                                                                                                          \
    }                                                                                                            \
    for (int i = 0; i < G * GRAD_ROWS; i++) {                                                                         \
      for (int j = 0; j < N; j++) {                                                                              \
        float *sum = sums + (i * N + j) * V;                                                                     \
        if (!walk->first) acc[i][j] += v_load(sum);                                                              \
        v_store(sum, acc[i][j]);                                                                                 \
      }                                                                                                          \
    }                                                                                                            \
  }

ES_GRAD_TILE(tile_1x1, 1, 1)
ES_GRAD_TILE(tile_2x1, 2, 1)
ES_GRAD_TILE(tile_1x2, 1, 2)
#if defined(__AVX512F__) || defined(__aarch64__)
ES_GRAD_TILE(tile_2x2, 2, 2)
enum { WIDE_GROUPS = 2 };
#else
#define tile_2x2 tile_1x2
enum { WIDE_GROUPS = 1 };
#endif

#endif
