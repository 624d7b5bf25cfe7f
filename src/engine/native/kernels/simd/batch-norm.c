/* Batch normalization both ways, with what follows it. */
#include "simd.h"

#include <math.h>

typedef struct {
  const es_bn_shape *s;
  const float *x, *y, *dy, *scale, *shift, *mean, *variance, *residual;
  float *out, *dresidual, *dscale, *dshift, *mean_out, *variance_out;
} norm_task;

static float masked(const norm_task *t, long at) {
  if (!t->s->relu) return t->dy[at];
  return t->y[at] > 0 && !(t->s->relu_max > 0 && t->y[at] >= t->s->relu_max) ? t->dy[at] : 0;
}

static void sums(void *arg, int thread, int threads) {
  const norm_task *t = arg;
  long from, to;
  share(t->s->c, 1, thread, threads, &from, &to);
  for (long c = from; c < to; c++) {
    double sum = 0;
    for (long row = 0; row < t->s->rows; row++) sum += t->x[row * t->s->c + c];
    t->out[c] = (float)sum;
  }
}

size_t ES_FN(es_column_sums_scratch)(long rows, int c, int threads) {
  (void)rows, (void)c, (void)threads;
  return 0;
}

void ES_FN(es_column_sums)(long rows, int c, const float *x, float *out, void *scratch, es_pool *pool) {
  (void)scratch;
  es_bn_shape s = {.rows = rows, .c = c};
  norm_task t = {.s = &s, .x = x, .out = out};
  es_pool_run(pool, sums, &t);
}

static void scale_shift(void *arg, int thread, int threads) {
  const norm_task *t = arg;
  long from, to;
  share(t->s->rows, 1, thread, threads, &from, &to);
  for (long row = from; row < to; row++) {
    for (int c = 0; c < t->s->c; c++) {
      long at = row * t->s->c + c;
      float v = t->x[at] * t->scale[c];
      if (t->shift) v += t->shift[c];
      if (t->residual) v += t->residual[at];
      t->out[at] = activate(v, t->s->relu, t->s->relu_max);
    }
  }
}

void ES_FN(es_scale_shift)(const es_bn_shape *shape, const float *x, const float *scale, const float *shift,
                           const float *residual, float *y, es_pool *pool) {
  norm_task t = {.s = shape, .x = x, .scale = scale, .shift = shift, .residual = residual, .out = y};
  es_pool_run(pool, scale_shift, &t);
}

static void train_forward(void *arg, int thread, int threads) {
  const norm_task *t = arg;
  long from, to;
  share(t->s->c, 1, thread, threads, &from, &to);
  for (long c = from; c < to; c++) {
    double sum = 0, squares = 0;
    for (long row = 0; row < t->s->rows; row++) sum += t->x[row * t->s->c + c];
    double mean = sum / (double)t->s->rows;
    for (long row = 0; row < t->s->rows; row++) {
      double d = t->x[row * t->s->c + c] - mean;
      squares += d * d;
    }
    t->mean_out[c] = (float)mean;
    t->variance_out[c] = (float)(squares / (double)t->s->rows);
    float factor = t->scale[c] / sqrtf(t->variance_out[c] + t->s->epsilon);
    for (long row = 0; row < t->s->rows; row++) {
      long at = row * t->s->c + c;
      float v = (t->x[at] - t->mean_out[c]) * factor + t->shift[c];
      if (t->residual) v += t->residual[at];
      t->out[at] = activate(v, t->s->relu, t->s->relu_max);
    }
  }
}

size_t ES_FN(es_bn_train_forward_scratch)(const es_bn_shape *shape, int threads) {
  (void)shape, (void)threads;
  return 0;
}

void ES_FN(es_bn_train_forward)(const es_bn_shape *shape, const float *x, const float *scale, const float *shift,
                                const float *residual, float *y, float *mean, float *variance, void *scratch, es_pool *pool) {
  (void)scratch;
  norm_task t = {.s = shape, .x = x, .scale = scale, .shift = shift, .residual = residual, .out = y, .mean_out = mean, .variance_out = variance};
  es_pool_run(pool, train_forward, &t);
}

static void train_backward(void *arg, int thread, int threads) {
  const norm_task *t = arg;
  long from, to;
  share(t->s->c, 1, thread, threads, &from, &to);
  for (long c = from; c < to; c++) {
    double sum = 0, product = 0;
    float inverse = 1 / sqrtf(t->variance[c] + t->s->epsilon);
    for (long row = 0; row < t->s->rows; row++) {
      long at = row * t->s->c + c;
      sum += masked(t, at);
      product += masked(t, at) * (t->x[at] - t->mean[c]) * inverse;
    }
    t->dshift[c] = (float)sum;
    t->dscale[c] = (float)product;
    float mean_g = (float)(sum / (double)t->s->rows), mean_p = (float)(product / (double)t->s->rows);
    for (long row = 0; row < t->s->rows; row++) {
      long at = row * t->s->c + c;
      float g = masked(t, at);
      float normal = (t->x[at] - t->mean[c]) * inverse;
      t->out[at] = t->scale[c] * inverse * (g - mean_g - normal * mean_p);
      if (t->dresidual) t->dresidual[at] = g;
    }
  }
}

size_t ES_FN(es_bn_train_backward_scratch)(const es_bn_shape *shape, int threads) {
  (void)shape, (void)threads;
  return 0;
}

void ES_FN(es_bn_train_backward)(const es_bn_shape *shape, const float *dy, const float *y, const float *x, const float *scale,
                                 const float *mean, const float *variance, float *dx, float *dresidual, float *dscale,
                                 float *dshift, void *scratch, es_pool *pool) {
  (void)scratch;
  norm_task t = {.s = shape, .x = x, .y = y, .dy = dy, .scale = scale, .mean = mean, .variance = variance, .out = dx,
                 .dresidual = dresidual, .dscale = dscale, .dshift = dshift};
  es_pool_run(pool, train_backward, &t);
}
