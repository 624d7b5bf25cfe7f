/* Filter gradients. */
#include "simd.h"

#include <string.h>

typedef struct {
  const es_conv_shape *s;
  const float *x, *w, *dy;
  float *y;
  es_epilogue e;
} conv_task;

static void filter_grad(void *arg, int thread, int threads) {
  const conv_task *t = arg;
  const es_conv_shape *s = t->s;
  int cg = s->c / s->groups, og = s->oc / s->groups;
  long from, to;
  share(s->oc, 1, thread, threads, &from, &to);
  for (long o = from; o < to; o++) {
    for (int i = 0; i < cg; i++) {
      for (int ky = 0; ky < s->kh; ky++) {
        for (int kx = 0; kx < s->kw; kx++) {
          double sum = 0;
          for (long row = 0; row < (long)s->n * s->oh; row++) {
            int iy = (int)(row % s->oh) * s->sh - s->pt + ky * s->dh;
            if (iy < 0 || iy >= s->h) continue;
            for (int ox = 0; ox < s->ow; ox++) {
              int ix = ox * s->sw - s->pl + kx * s->dw;
              if (ix < 0 || ix >= s->w) continue;
              sum += t->x[((row / s->oh * s->h + iy) * s->w + ix) * s->c + o / og * cg + i] *
                     t->dy[(row * s->ow + ox) * s->oc + o];
            }
          }
          t->y[((o * cg + i) * s->kh + ky) * s->kw + kx] = (float)sum;
        }
      }
    }
  }
}

size_t ES_FN(es_conv_filter_grad_scratch)(const es_conv_shape *shape, int threads) {
  (void)shape, (void)threads;
  return 0;
}

void ES_FN(es_conv_filter_grad)(const es_conv_shape *shape, const float *x, const float *dy, float *dw, void *scratch,
                                es_pool *pool) {
  (void)scratch;
  conv_task t = {shape, x, NULL, dy, dw, {0}};
  es_pool_run(pool, filter_grad, &t);
}
