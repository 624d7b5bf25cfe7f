/* y = act(x·scale + shift + residual) by channel: batch normalization with known statistics. */
#include "simd.h"

#include <math.h>

typedef struct {
  const es_bn_shape *s;
  const float *x, *scale, *shift, *residual;
  float *y;
} affine_task;

static inline __attribute__((always_inline)) vf load(const float *p, int count) { return count == V ? v_load(p) : v_load_part(p, count); }

static inline __attribute__((always_inline)) void affine(const affine_task *t, long row, int c, float most, int count) {
  long at = row * t->s->c + c;
  vf v = load(t->x + at, count) * load(t->scale + c, count);
  if (t->shift) v += load(t->shift + c, count);
  if (t->residual) v += load(t->residual + at, count);
  if (t->s->relu) {
    v = v_select(v < 0, v_zero(), v);
    v = v_select(v > v_all(most), v_all(most), v); /* most is NaN for none, and no value above it */
  }
  if (count == V) v_store(t->y + at, v);
  else v_store_part(t->y + at, v, count);
}

static void affine_rows(void *arg, int thread, int threads) {
  const affine_task own = *(const affine_task *)arg, *t = &own;
  const es_bn_shape *s = t->s;
  const float most = s->relu_max > 0 ? s->relu_max : NAN;
  const int c = s->c, whole = c / V * V;
  long from, to;
  share(s->rows, 1, thread, threads, &from, &to);
  for (long row = from; row < to; row++) {
    for (int j = 0; j < whole; j += V) affine(t, row, j, most, V);
    if (whole < c) affine(t, row, whole, most, c - whole);
  }
}

void ES_FN(es_scale_shift)(const es_bn_shape *shape, const float *x, const float *scale, const float *shift,
                           const float *residual, float *y, es_pool *pool) {
  affine_task t = {shape, x, scale, shift, residual, y};
  es_pool_run(pool, affine_rows, &t);
}
