/* y = act(x·scale + shift + residual) by channel: batch normalization with known statistics. */
#include "simd.h"

typedef struct {
  const es_bn_shape *s;
  const float *x, *scale, *shift, *residual;
  float *y;
} affine_task;

ES_INLINE void affine(const affine_task *t, long row, int c, v_bounds bounds, int count) {
  long at = row * t->s->c + c;
  vf v = v_load_first(t->x + at, count) * v_load_first(t->scale + c, count);
  if (t->shift) v += v_load_first(t->shift + c, count);
  if (t->residual) v += v_load_first(t->residual + at, count);
  v_store_first(t->y + at, v_bounded(v, bounds), count);
}

static void affine_rows(void *arg, int thread, int threads) {
  const affine_task own = *(const affine_task *)arg, *t = &own;
  const es_bn_shape *s = t->s;
  const v_bounds bounds = v_bounds_of(s->relu, s->relu_max);
  const int c = s->c, whole = c / V * V;
  long from, to;
  share(s->rows, 1, thread, threads, &from, &to);
  for (long row = from; row < to; row++) {
    for (int j = 0; j < whole; j += V) affine(t, row, j, bounds, V);
    if (whole < c) affine(t, row, whole, bounds, c - whole);
  }
}

void ES_FN(es_scale_shift)(const es_bn_shape *shape, const float *x, const float *scale, const float *shift,
                           const float *residual, float *y, es_pool *pool) {
  affine_task t = {shape, x, scale, shift, residual, y};
  es_pool_run(pool, affine_rows, &t);
}
