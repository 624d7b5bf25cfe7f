/* Convolutions. */
#include "simd.h"

#include <string.h>

typedef struct {
  const es_conv_shape *s;
  const float *x, *w, *dy;
  float *y;
  es_epilogue e;
} conv_task;

static void forward(void *arg, int thread, int threads) {
  const conv_task *t = arg;
  const es_conv_shape *s = t->s;
  int cg = s->c / s->groups, og = s->oc / s->groups;
  long from, to;
  share((long)s->n * s->oh, 1, thread, threads, &from, &to);
  for (long row = from; row < to; row++) {
    long n = row / s->oh;
    int oy = (int)(row % s->oh);
    for (int ox = 0; ox < s->ow; ox++) {
      for (int o = 0; o < s->oc; o++) {
        float sum = 0;
        for (int ky = 0; ky < s->kh; ky++) {
          int iy = oy * s->sh - s->pt + ky * s->dh;
          if (iy < 0 || iy >= s->h) continue;
          for (int kx = 0; kx < s->kw; kx++) {
            int ix = ox * s->sw - s->pl + kx * s->dw;
            if (ix < 0 || ix >= s->w) continue;
            const float *x = t->x + ((n * s->h + iy) * s->w + ix) * s->c + o / og * cg;
            const float *w = t->w + (long)o * cg * s->kh * s->kw + ky * s->kw + kx;
            for (int i = 0; i < cg; i++) sum += x[i] * w[(long)i * s->kh * s->kw];
          }
        }
        long at = (row * s->ow + ox) * s->oc + o;
        if (t->e.bias) sum += t->e.bias[o];
        if (t->e.residual) sum += t->e.residual[at];
        t->y[at] = activate(sum, t->e.relu, t->e.relu_max);
      }
    }
  }
}

size_t ES_FN(es_conv_forward_scratch)(const es_conv_shape *shape, int threads) {
  (void)shape, (void)threads;
  return 0;
}

void ES_FN(es_conv_forward)(const es_conv_shape *shape, const float *x, const float *w, es_epilogue epilogue, float *y,
                            void *scratch, es_pool *pool) {
  (void)scratch;
  conv_task t = {shape, x, w, NULL, y, epilogue};
  es_pool_run(pool, forward, &t);
}

static void input_grad(void *arg, int thread, int threads) {
  const conv_task *t = arg;
  const es_conv_shape *s = t->s;
  int cg = s->c / s->groups, og = s->oc / s->groups;
  long from, to;
  share((long)s->n * s->h, 1, thread, threads, &from, &to);
  for (long row = from; row < to; row++) {
    long n = row / s->h;
    int iy = (int)(row % s->h);
    for (int ix = 0; ix < s->w; ix++) {
      for (int i = 0; i < s->c; i++) {
        float sum = 0;
        for (int ky = 0; ky < s->kh; ky++) {
          int ty = iy + s->pt - ky * s->dh, oy = ty / s->sh;
          if (ty < 0 || ty % s->sh || oy >= s->oh) continue;
          for (int kx = 0; kx < s->kw; kx++) {
            int tx = ix + s->pl - kx * s->dw, ox = tx / s->sw;
            if (tx < 0 || tx % s->sw || ox >= s->ow) continue;
            int o = i / cg * og;
            const float *dy = t->dy + ((n * s->oh + oy) * s->ow + ox) * s->oc + o;
            const float *w = t->w + (((long)o * cg + i % cg) * s->kh + ky) * s->kw + kx;
            for (int j = 0; j < og; j++) sum += dy[j] * w[(long)j * cg * s->kh * s->kw];
          }
        }
        long at = (row * s->w + ix) * s->c + i;
        if (t->e.bias) sum += t->e.bias[i];
        if (t->e.residual) sum += t->e.residual[at];
        t->y[at] = activate(sum, t->e.relu, t->e.relu_max);
      }
    }
  }
}

size_t ES_FN(es_conv_input_grad_scratch)(const es_conv_shape *shape, int threads) {
  (void)shape, (void)threads;
  return 0;
}

void ES_FN(es_conv_input_grad)(const es_conv_shape *shape, const float *dy, const float *w, es_epilogue epilogue, float *dx,
                               void *scratch, es_pool *pool) {
  (void)scratch;
  conv_task t = {shape, NULL, w, dy, dx, epilogue};
  es_pool_run(pool, input_grad, &t);
}

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
