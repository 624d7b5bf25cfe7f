/* [n, rows, cols] -> [n, cols, rows], by tiles that fit the first cache. */
#include "simd.h"

enum { TILE = 32 };

typedef struct {
  int n, rows, cols;
  const float *x;
  float *y;
} transpose_task;

static void transpose(void *arg, int thread, int threads) {
  const transpose_task *t = arg;
  long bands = (t->rows + TILE - 1) / TILE, from, to;
  share(t->n * bands, 1, thread, threads, &from, &to);
  for (long band = from; band < to; band++) {
    long plane = band / bands * t->rows * t->cols;
    int top = (int)(band % bands) * TILE, bottom = top + TILE < t->rows ? top + TILE : t->rows;
    for (int left = 0; left < t->cols; left += TILE) {
      int right = left + TILE < t->cols ? left + TILE : t->cols;
      for (int col = left; col < right; col++) {
        for (int row = top; row < bottom; row++) {
          t->y[plane + (long)col * t->rows + row] = t->x[plane + (long)row * t->cols + col];
        }
      }
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
