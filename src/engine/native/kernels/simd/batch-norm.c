/* Batch normalization both ways, with what follows it. Each direction is two passes over memory: sums by channel, then the result. */
#include "columns.h"

#include <math.h>
#include <string.h>

enum {
  CHUNK = 64,  /* periods summed in float before they are added in double */
  SAMPLES = 16 /* rows whose mean stands in for the mean while squares are summed */
};

/* What a pass reads and writes. spread values hold a period each. */
typedef struct {
  columns m;
  const float *x, *y, *dy, *residual;
  const float *center;                         /* spread */
  const float *factor, *offset, *slope;        /* spread, of the result's pass */
  float *out, *masked;
  double *sums;                                /* [thread][2][period] */
  int relu;
  float most; /* of relu_max; NaN, which no value reaches, for none */
} norm_pass;

/* dy where the activation let it through. */
ES_INLINE vf gradient(const norm_pass *t, long at, int relu, int count) {
  vf g = v_load_first(t->dy + at, count);
  if (!relu) return g;
  vf y = v_load_first(t->y + at, count);
  return (vf)((vi)g & (y > 0) & ~(y >= v_all(t->most)));
}

typedef enum { SUM, MOMENTS, PRODUCTS, MASKED_PRODUCTS } reduction;

/* Adds to first and second, for n vectors at column j: the sums of (x - center) and of its squares; or of dy and of dy · (x - center). */
ES_INLINE void reduce_columns(const norm_pass *t, reduction kind, long from, long to, int j, int n, int count, double *first, double *second) {
  vf center[GROUP], a[GROUP], b[GROUP];
  for (int i = 0; i < n; i++) {
    center[i] = kind == SUM ? v_zero() : v_load_first(t->center + j + i * V, count);
    a[i] = b[i] = v_zero();
  }
  for (long p = from; p < to; p++) {
    long at = p * t->m.period + j;
    for (int i = 0; i < n; i++) {
      vf d = v_load_first(t->x + at + i * V, count) - center[i];
      if (kind == SUM || kind == MOMENTS) {
        a[i] += d;
        if (kind == MOMENTS) b[i] += d * d;
        continue;
      }
      vf g = gradient(t, at + i * V, kind == MASKED_PRODUCTS, count);
      if (t->masked) v_store_first(t->masked + at + i * V, g, count);
      a[i] += g;
      b[i] += g * d;
    }
  }
  for (int i = 0; i < n; i++) {
    for (int lane = 0; lane < V; lane++) {
      first[j + i * V + lane] += a[i][lane];
      second[j + i * V + lane] += b[i][lane];
    }
  }
}

ES_INLINE void reduce_share(const norm_pass *pass, reduction kind, int thread, int threads) {
  const norm_pass own = *pass, *t = &own; /* stores of vectors may alias what is shared */
  const int period = t->m.period;
  column_share s = share_columns(&t->m, thread, threads);
  double *first = t->sums + (long)thread * 2 * period, *second = first + period;
  memset(first, 0, sizeof(double) * 2 * (size_t)period);
  for (long from = s.from; from < s.to; from += CHUNK) {
    long to = from + CHUNK < s.to ? from + CHUNK : s.to;
    int j = 0;
    for (; j + GROUP * V <= period; j += GROUP * V) reduce_columns(t, kind, from, to, j, GROUP, V, first, second);
    for (; j + 2 * V <= period; j += 2 * V) reduce_columns(t, kind, from, to, j, 2, V, first, second);
    for (; j < period; j += V) reduce_columns(t, kind, from, to, j, 1, V, first, second);
  }
  for (int j = 0; j < s.rest; j += V) {
    reduce_columns(t, kind, t->m.periods, t->m.periods + 1, j, 1, s.rest - j < V ? s.rest - j : V, first, second);
  }
}

static void sum_pass(void *arg, int thread, int threads) { reduce_share(arg, SUM, thread, threads); }
static void moment_pass(void *arg, int thread, int threads) { reduce_share(arg, MOMENTS, thread, threads); }
static void product_pass(void *arg, int thread, int threads) {
  const norm_pass *t = arg;
  if (t->relu) reduce_share(t, MASKED_PRODUCTS, thread, threads);
  else reduce_share(t, PRODUCTS, thread, threads);
}

/* A channel's total of the threads' sums. */
static double total(const norm_pass *t, int which, int channel, int threads) {
  double sum = 0;
  for (int thread = 0; thread < threads; thread++) {
    const double *sums = t->sums + ((long)thread * 2 + which) * t->m.period;
    for (int i = channel; i < t->m.period; i += t->m.c) sum += sums[i];
  }
  return sum;
}

/* out = act((x - center)·factor + offset + residual), at one vector. */
ES_INLINE void affine(const norm_pass *t, long at, int j, int relu, int residual, int count) {
  vf v = (v_load_first(t->x + at, count) - v_load_first(t->center + j, count)) * v_load_first(t->factor + j, count) + v_load_first(t->offset + j, count);
  if (residual) v += v_load_first(t->residual + at, count);
  if (relu) {
    v = v_at_most(v_at_least(v, v_zero()), v_all(t->most));
  }
  v_store_first(t->out + at, v, count);
}

/* out = factor·(g - offset - (x - center)·slope), at one vector. */
ES_INLINE void derivative(const norm_pass *t, long at, int j, int relu, int count) {
  vf g = gradient(t, at, relu, count), d = v_load_first(t->x + at, count) - v_load_first(t->center + j, count);
  v_store_first(t->out + at, v_load_first(t->factor + j, count) * (g - v_load_first(t->offset + j, count) - d * v_load_first(t->slope + j, count)), count);
}

ES_INLINE void map_vector(const norm_pass *t, long at, int j, int backward, int relu, int residual, int count) {
  if (backward) derivative(t, at, j, relu, count);
  else affine(t, at, j, relu, residual, count);
}

ES_INLINE void map_share(const norm_pass *pass, int backward, int relu, int residual, int thread, int threads) {
  const norm_pass own = *pass, *t = &own;
  const int period = t->m.period;
  column_share s = share_columns(&t->m, thread, threads);
  for (long p = s.from; p < s.to; p++) {
    for (int j = 0; j < period; j += V) map_vector(t, p * period + j, j, backward, relu, residual, V);
  }
  for (int j = 0; j < s.rest; j += V) {
    map_vector(t, t->m.periods * period + j, j, backward, relu, residual, s.rest - j < V ? s.rest - j : V);
  }
}

static void affine_pass(void *arg, int thread, int threads) {
  const norm_pass *t = arg;
  if (t->relu && t->residual) map_share(t, 0, 1, 1, thread, threads);
  else if (t->relu) map_share(t, 0, 1, 0, thread, threads);
  else if (t->residual) map_share(t, 0, 0, 1, thread, threads);
  else map_share(t, 0, 0, 0, thread, threads);
}

static void derivative_pass(void *arg, int thread, int threads) {
  const norm_pass *t = arg;
  if (t->relu) map_share(t, 1, 1, 0, thread, threads);
  else map_share(t, 1, 0, 0, thread, threads);
}

/* Scratch: the threads' sums, four spread values and as many by channel. */
static size_t norm_scratch(long rows, int c, int threads) {
  size_t period = (size_t)columns_of(rows, c).period;
  return sizeof(double) * 2 * period * (size_t)threads + sizeof(float) * 4 * (period + (size_t)c);
}

typedef struct {
  float *spread[4], *by_channel[4];
} norm_values;

static norm_pass begin(long rows, int c, int relu, float relu_max, void *scratch, int threads, norm_values *values) {
  norm_pass t = {.m = columns_of(rows, c), .sums = scratch, .relu = relu, .most = relu_max > 0 ? relu_max : NAN};
  float *at = (float *)(t.sums + 2L * t.m.period * threads);
  for (int i = 0; i < 4; i++) values->spread[i] = at + (long)i * t.m.period;
  for (int i = 0; i < 4; i++) values->by_channel[i] = at + 4L * t.m.period + (long)i * c;
  return t;
}

size_t ES_FN(es_column_sums_scratch)(long rows, int c, int threads) { return norm_scratch(rows, c, threads); }

void ES_FN(es_column_sums)(long rows, int c, const float *x, float *sums, void *scratch, es_pool *pool) {
  norm_values values;
  norm_pass t = begin(rows, c, 0, 0, scratch, es_pool_threads(pool), &values);
  t.x = x;
  es_pool_run(pool, sum_pass, &t);
  for (int i = 0; i < c; i++) sums[i] = (float)total(&t, 0, i, es_pool_threads(pool));
}

size_t ES_FN(es_bn_train_forward_scratch)(const es_bn_shape *shape, int threads) {
  return norm_scratch(shape->rows, shape->c, threads);
}

/* The mean of some rows, all over the tensor: near enough to every channel's mean that squares of differences from it lose nothing. */
static void sample_means(const es_bn_shape *s, const float *x, float *means) {
  long samples = s->rows < SAMPLES ? s->rows : SAMPLES;
  memset(means, 0, sizeof(float) * (size_t)s->c);
  for (long i = 0; i < samples; i++) {
    const float *row = x + s->rows * i / samples * s->c;
    for (int c = 0; c < s->c; c++) means[c] += row[c];
  }
  for (int c = 0; c < s->c; c++) means[c] /= (float)samples;
}

void ES_FN(es_bn_train_forward)(const es_bn_shape *shape, const float *x, const float *scale, const float *shift,
                                const float *residual, float *y, float *mean, float *variance, void *scratch, es_pool *pool) {
  const int threads = es_pool_threads(pool);
  norm_values values;
  norm_pass t = begin(shape->rows, shape->c, shape->relu, shape->relu_max, scratch, threads, &values);
  float *near = values.by_channel[0], *factor = values.by_channel[1];
  sample_means(shape, x, near);
  spread(&t.m, near, values.spread[0]);
  t.x = x, t.out = y, t.residual = residual, t.center = values.spread[0];
  es_pool_run(pool, moment_pass, &t);
  for (int c = 0; c < shape->c; c++) {
    double rows = (double)shape->rows, apart = total(&t, 0, c, threads) / rows;
    double spread_about = total(&t, 1, c, threads) / rows - apart * apart;
    mean[c] = (float)(near[c] + apart);
    variance[c] = spread_about < 0 ? 0 : (float)spread_about;
    factor[c] = scale[c] / sqrtf(variance[c] + shape->epsilon);
  }
  spread(&t.m, mean, values.spread[0]);
  spread(&t.m, factor, values.spread[1]);
  spread(&t.m, shift, values.spread[2]);
  t.factor = values.spread[1], t.offset = values.spread[2];
  es_pool_run(pool, affine_pass, &t);
}

size_t ES_FN(es_bn_train_backward_scratch)(const es_bn_shape *shape, int threads) {
  return norm_scratch(shape->rows, shape->c, threads);
}

void ES_FN(es_bn_train_backward)(const es_bn_shape *shape, const float *dy, const float *y, const float *x, const float *scale,
                                 const float *mean, const float *variance, float *dx, float *dresidual, float *dscale,
                                 float *dshift, void *scratch, es_pool *pool) {
  const int threads = es_pool_threads(pool);
  norm_values values;
  norm_pass t = begin(shape->rows, shape->c, shape->relu, shape->relu_max, scratch, threads, &values);
  spread(&t.m, mean, values.spread[0]);
  t.x = x, t.y = y, t.dy = dy, t.masked = dresidual, t.center = values.spread[0];
  es_pool_run(pool, product_pass, &t);
  float *factor = values.by_channel[1], *offset = values.by_channel[2], *slope = values.by_channel[3];
  for (int c = 0; c < shape->c; c++) {
    double rows = (double)shape->rows, g = total(&t, 0, c, threads), gx = total(&t, 1, c, threads);
    float inverse = 1 / sqrtf(variance[c] + shape->epsilon);
    dshift[c] = (float)g;
    dscale[c] = (float)(gx * inverse);
    factor[c] = scale[c] * inverse;
    offset[c] = (float)(g / rows);
    slope[c] = (float)(gx / rows * inverse * inverse);
  }
  spread(&t.m, factor, values.spread[1]);
  spread(&t.m, offset, values.spread[2]);
  spread(&t.m, slope, values.spread[3]);
  t.factor = values.spread[1], t.offset = values.spread[2], t.slope = values.spread[3], t.out = dx;
  if (dresidual) { /* which holds what the mask left */
    t.dy = dresidual;
    t.relu = 0;
  }
  es_pool_run(pool, derivative_pass, &t);
}
