#include "../map.h"
#include "../reduce.h"

#include <math.h>

enum { LANES = 16 };

#define ES_SUM_ALONG(name, type)                                                                         \
  /* Everything below the first `axis` axes, whose offsets are in x and y. */                            \
  static void sum_##name(const es_reduce *r, const type *x, double *y, int axis, int64_t from, int64_t end) { \
    int64_t n = r->dims[axis], step = r->stride[axis], to = r->to[axis];                                 \
    int64_t i = axis == r->fields.split ? from : 0;                                                             \
    if (axis == r->fields.split) n = end;                                                                       \
    if (axis < r->fields.rank - 1) {                                                                            \
      for (; i < n; i++) sum_##name(r, x + i * step, y + i * to, axis + 1, from, end);                   \
      return;                                                                                            \
    }                                                                                                    \
    if (r->fields.max) {                                                                                        \
      for (; i < n; i++) {                                                                               \
        double v = (double)x[i * step], *m = y + i * to;                                                 \
        if (v > *m || v != v) *m = v;                                                                    \
      }                                                                                                  \
    } else if (to == 0 && step == 1) {                                                                   \
      double lanes[LANES] = {0}, sum = 0;                                                                \
      for (; i + LANES <= n; i += LANES)                                                                 \
        for (int k = 0; k < LANES; k++) lanes[k] += (double)x[i + k];                                    \
      for (; i < n; i++) sum += (double)x[i];                                                            \
      for (int k = 0; k < LANES; k++) sum += lanes[k];                                                   \
      *y += sum;                                                                                         \
    } else if (to == 0) {                                                                                \
      double sum = 0;                                                                                    \
      for (; i < n; i++) sum += (double)x[i * step];                                                     \
      *y += sum;                                                                                         \
    } else if (to == 1 && step == 1) {                                                                   \
      for (; i < n; i++) y[i] += (double)x[i];                                                           \
    } else {                                                                                             \
      for (; i < n; i++) y[i * to] += (double)x[i * step];                                               \
    }                                                                                                    \
  }

ES_SUM_ALONG(float, float)
ES_SUM_ALONG(double, double)
ES_SUM_ALONG(int32, int32_t)
ES_SUM_ALONG(int64, int64_t)
ES_SUM_ALONG(uint8, uint8_t)

static void reduce_share(void *arg, int thread, int threads) {
  const es_reduce *r = arg;
  int64_t from, end;
  es_share(r->dims[r->fields.split], thread, threads, &from, &end);
  double *sums = r->sums + (r->to[r->fields.split] == 0 ? thread * r->fields.results : 0);
  switch (r->fields.dtype) {
    case ES_FLOAT32: sum_float(r, (const float *)r->x, sums, 0, from, end); break;
    case ES_FLOAT64: sum_double(r, (const double *)r->x, sums, 0, from, end); break;
    case ES_INT32: sum_int32(r, (const int32_t *)r->x, sums, 0, from, end); break;
    case ES_INT64: sum_int64(r, (const int64_t *)r->x, sums, 0, from, end); break;
    case ES_UINT8:
    case ES_BOOL: sum_uint8(r, (const uint8_t *)r->x, sums, 0, from, end); break;
  }
}

void ES_FN(es_reduce_run)(const es_reduce *r, es_pool *pool) {
  int64_t elements = 1;
  for (int d = 0; d < r->fields.rank; d++) elements *= r->dims[d];
  const int parts = r->to[r->fields.split] == 0 ? es_pool_threads(pool) : 1;
  for (int64_t i = 0; i < r->fields.results * parts; i++) r->sums[i] = r->fields.max ? -INFINITY : 0;
  if (elements > 0) es_parallel(pool, elements, reduce_share, (void *)r);
  for (int64_t i = 0; i < r->fields.results; i++) {
    double value = r->sums[i];
    for (int t = 1; t < parts; t++) {
      double part = r->sums[t * r->fields.results + i];
      if (!r->fields.max) value += part;
      else if (part > value || part != part) value = part;
    }
    value /= r->fields.divisor;
    switch (r->fields.dtype) {
      case ES_FLOAT32: ((float *)r->y)[i] = (float)value; break;
      case ES_FLOAT64: ((double *)r->y)[i] = value; break;
      case ES_INT32: ((int32_t *)r->y)[i] = (int32_t)es_whole(value); break;
      case ES_INT64: ((int64_t *)r->y)[i] = es_whole(value); break;
      case ES_UINT8:
      case ES_BOOL: ((uint8_t *)r->y)[i] = (uint8_t)es_whole(value); break;
    }
  }
}
