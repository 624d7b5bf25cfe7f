/* Softmax and its logarithm over the middle of [outer, extent, inner]. */
#include "../program.h"

#include "map-math.h"

typedef struct {
  int64_t outer, extent, inner;
  int log;
  const float *x;
  float *y;
} softmax;

static void softmax_share(void *arg, int thread, int threads) {
  const softmax *s = arg;
  const int64_t n = s->extent, step = s->inner;
  int64_t from, end;
  es_share(s->outer * s->inner, thread, threads, &from, &end);
  for (int64_t lane = from; lane < end; lane++) {
    const float *x = s->x + lane / step * n * step + lane % step;
    float *y = s->y + (x - s->x);
    float max = x[0];
    for (int64_t i = 1; i < n; i++) max = x[i * step] > max || x[i * step] != x[i * step] ? x[i * step] : max;
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
      float e = es_expf(x[i * step] - max);
      if (!s->log) y[i * step] = e;
      sum += e;
    }
    const float logarithm = (float)log(sum), factor = (float)(1 / sum);
    if (s->log) {
      for (int64_t i = 0; i < n; i++) y[i * step] = x[i * step] - max - logarithm;
    } else {
      for (int64_t i = 0; i < n; i++) y[i * step] *= factor;
    }
  }
}

void ES_FN(es_softmax)(int64_t outer, int64_t extent, int64_t inner, int log, const float *x, float *y, es_pool *pool) {
  softmax s = {outer, extent, inner, log, x, y};
  es_parallel(pool, outer * extent * inner * 8, softmax_share, &s);
}
