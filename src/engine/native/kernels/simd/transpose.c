/* [n, rows, cols] -> [n, cols, rows]: squares of 8×8 or 4×4 are turned in registers, within tiles that fit the first cache. */
#include "simd.h"

#include <string.h>

enum { TILE = 64 };

typedef float quad __attribute__((vector_size(16), aligned(4), may_alias));

#ifndef __has_builtin
#define __has_builtin(name) 0
#endif
#if __has_builtin(__builtin_shufflevector)
#define SHUFFLE4(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#define SHUFFLE8(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
typedef int32_t quad_lanes __attribute__((vector_size(16)));
typedef int32_t oct_lanes __attribute__((vector_size(32)));
#define SHUFFLE4(a, b, ...) __builtin_shuffle(a, b, (quad_lanes){__VA_ARGS__})
#define SHUFFLE8(a, b, ...) __builtin_shuffle(a, b, (oct_lanes){__VA_ARGS__})
#endif

ES_INLINE quad load_few(const float *p, int count) {
  quad v = {p[0], 0, 0, 0};
  if (count == 4) return *(const quad *)p;
  if (count > 1) v[1] = p[1];
  if (count > 2) v[2] = p[2];
  return v;
}

ES_INLINE void store_few(float *p, quad v, int count) {
  if (count == 4) {
    *(quad *)p = v;
    return;
  }
  p[0] = v[0];
  if (count > 1) p[1] = v[1];
  if (count > 2) p[2] = v[2];
}

/* y[j][i] = x[i][j] for up to 4×4; rows of x are x_step floats apart, those of y y_step. */
ES_INLINE void turn4(const float *x, long x_step, float *y, long y_step, int rows, int cols) {
  quad r[4] = {{0}};
  for (int i = 0; i < rows; i++) r[i] = load_few(x + i * x_step, cols);
  quad a = SHUFFLE4(r[0], r[1], 0, 4, 1, 5), b = SHUFFLE4(r[0], r[1], 2, 6, 3, 7);
  quad c = SHUFFLE4(r[2], r[3], 0, 4, 1, 5), d = SHUFFLE4(r[2], r[3], 2, 6, 3, 7);
  store_few(y, SHUFFLE4(a, c, 0, 1, 4, 5), rows);
  if (cols > 1) store_few(y + y_step, SHUFFLE4(a, c, 2, 3, 6, 7), rows);
  if (cols > 2) store_few(y + 2 * y_step, SHUFFLE4(b, d, 0, 1, 4, 5), rows);
  if (cols > 3) store_few(y + 3 * y_step, SHUFFLE4(b, d, 2, 3, 6, 7), rows);
}

#if defined(__AVX2__)
enum { SQUARE = 8 };
typedef float oct __attribute__((vector_size(32), aligned(4), may_alias));

/* Halves of rows i and i + 4 side by side, so that only pairs of floats are left to exchange within halves. */
ES_INLINE void turn(const float *x, long x_step, float *y, long y_step) {
  for (int half = 0; half < 2; half++) {
    oct r[4];
    for (int i = 0; i < 4; i++) {
      quad low = *(const quad *)(x + i * x_step + 4 * half), high = *(const quad *)(x + (i + 4) * x_step + 4 * half);
      r[i] = (oct)_mm256_insertf128_ps(_mm256_castps128_ps256((__m128)low), (__m128)high, 1);
    }
    oct a = SHUFFLE8(r[0], r[1], 0, 8, 1, 9, 4, 12, 5, 13), b = SHUFFLE8(r[0], r[1], 2, 10, 3, 11, 6, 14, 7, 15);
    oct c = SHUFFLE8(r[2], r[3], 0, 8, 1, 9, 4, 12, 5, 13), d = SHUFFLE8(r[2], r[3], 2, 10, 3, 11, 6, 14, 7, 15);
    float *to = y + 4 * half * y_step;
    *(oct *)to = SHUFFLE8(a, c, 0, 1, 8, 9, 4, 5, 12, 13);
    *(oct *)(to + y_step) = SHUFFLE8(a, c, 2, 3, 10, 11, 6, 7, 14, 15);
    *(oct *)(to + 2 * y_step) = SHUFFLE8(b, d, 0, 1, 8, 9, 4, 5, 12, 13);
    *(oct *)(to + 3 * y_step) = SHUFFLE8(b, d, 2, 3, 10, 11, 6, 7, 14, 15);
  }
}
#else
enum { SQUARE = 4 };
ES_INLINE void turn(const float *x, long x_step, float *y, long y_step) { turn4(x, x_step, y, y_step, 4, 4); }
#endif

/* What squares leave over: rows × cols of which either is below SQUARE. */
ES_INLINE void band_of(const float *x, long x_step, float *y, long y_step, int rows, int cols) {
  if (rows == 4) {
    for (; cols >= 4; cols -= 4, x += 4, y += 4 * y_step) turn4(x, x_step, y, y_step, 4, 4);
    if (cols == 3) turn4(x, x_step, y, y_step, 4, 3);
    if (cols == 2) turn4(x, x_step, y, y_step, 4, 2);
    if (cols == 1) turn4(x, x_step, y, y_step, 4, 1);
    return;
  }
  for (; cols >= 4; cols -= 4, x += 4, y += 4 * y_step) turn4(x, x_step, y, y_step, rows, 4);
  for (int j = 0; j < cols; j++) {
    for (int i = 0; i < rows; i++) y[j * y_step + i] = x[i * x_step + j];
  }
}

static void bands(const float *x, long x_step, float *y, long y_step, int rows, int cols) {
  if (rows <= 0 || cols <= 0) return;
  for (; rows >= 4; rows -= 4, x += 4 * x_step, y += 4) band_of(x, x_step, y, y_step, 4, cols);
  if (rows == 3) band_of(x, x_step, y, y_step, 3, cols);
  if (rows == 2) band_of(x, x_step, y, y_step, 2, cols);
  if (rows == 1) band_of(x, x_step, y, y_step, 1, cols);
}

/* Along the rows that lie farther apart first: their lines are complete before others of the same sets of the cache push them out. */
static void turn_tile(const float *x, long x_step, float *y, long y_step, int rows, int cols) {
  const int whole_rows = rows - rows % SQUARE, whole_cols = cols - cols % SQUARE;
  if (x_step > y_step) {
    for (int i = 0; i < whole_rows; i += SQUARE) {
      for (int j = 0; j < whole_cols; j += SQUARE) turn(x + i * x_step + j, x_step, y + j * y_step + i, y_step);
    }
  } else {
    for (int j = 0; j < whole_cols; j += SQUARE) {
      for (int i = 0; i < whole_rows; i += SQUARE) turn(x + i * x_step + j, x_step, y + j * y_step + i, y_step);
    }
  }
  bands(x + whole_cols, x_step, y + whole_cols * y_step, y_step, whole_rows, cols - whole_cols);
  bands(x + whole_rows * x_step, x_step, y + whole_rows, y_step, rows - whole_rows, cols);
}

typedef struct {
  int n, rows, cols;
  const float *x;
  float *y;
} transpose_task;

/* Threads share the tiles along the longer side. */
static void transpose(void *arg, int thread, int threads) {
  const transpose_task *t = arg;
  const int rows = t->rows, cols = t->cols, wide = cols >= rows;
  const long strips = ((wide ? cols : rows) + TILE - 1) / TILE;
  long from, to;
  share(t->n * strips, 1, thread, threads, &from, &to);
  for (long strip = from; strip < to; strip++) {
    const float *x = t->x + strip / strips * rows * cols;
    float *y = t->y + strip / strips * rows * cols;
    const int start = (int)(strip % strips) * TILE;
    for (int other = 0; other < (wide ? rows : cols); other += TILE) {
      const int i = wide ? other : start, j = wide ? start : other;
      turn_tile(x + (long)i * cols + j, cols, y + (long)j * rows + i, rows, rows - i < TILE ? rows - i : TILE, cols - j < TILE ? cols - j : TILE);
    }
  }
}

void ES_FN(es_nchw_to_nhwc)(int n, int c, int pixels, const float *x, float *y, es_pool *pool) {
  transpose_task t = {n, c, pixels, x, y};
  es_pool_run(pool, transpose, &t);
}

void ES_FN(es_nhwc_to_nchw)(int n, int c, int pixels, const float *x, float *y, es_pool *pool) {
  transpose_task t = {n, pixels, c, x, y};
  es_pool_run(pool, transpose, &t);
}
