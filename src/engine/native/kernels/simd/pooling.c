/* Max and average pools, vectors over channels. */
#include "simd.h"

#include <math.h>
#include <string.h>

typedef struct {
  const es_pool_shape *s;
  const float *x, *y, *dy;
  float *out;
} pool_task;

/* The taps of output `o` along one axis that lie within [low, high): [*first, *last). */
static void taps_within(int o, int stride, int pad, int dilation, int taps, int low, int high, int *first, int *last) {
  int start = o * stride - pad;
  *first = start >= low ? 0 : (low - start + dilation - 1) / dilation;
  *last = start >= high ? 0 : (high - 1 - start) / dilation + 1;
  if (*last > taps) *last = taps;
  if (*first > *last) *first = *last;
}

typedef struct {
  int y0, y1, x0, x1; /* taps inside the input */
  const float *corner; /* x at tap (0, 0), maybe outside; only inside taps are read */
} window;

static window window_at(const es_pool_shape *s, const float *x, long n, int oy, int ox) {
  window at;
  taps_within(oy, s->sh, s->pt, s->dh, s->kh, 0, s->h, &at.y0, &at.y1);
  taps_within(ox, s->sw, s->pl, s->dw, s->kw, 0, s->w, &at.x0, &at.x1);
  at.corner = x;
  (void)n;
  return at;
}

static long cell(const es_pool_shape *s, long n, int oy, int ox, int ky, int kx) {
  long iy = (long)oy * s->sh - s->pt + ky * s->dh, ix = (long)ox * s->sw - s->pl + kx * s->dw;
  return ((n * s->h + iy) * s->w + ix) * s->c;
}

static float divisor(const es_pool_shape *s, int oy, int ox) {
  int y0, y1, x0, x1, pad = s->count_include_pad;
  taps_within(oy, s->sh, s->pt, s->dh, s->kh, pad ? -s->pt : 0, s->h + (pad ? s->pb : 0), &y0, &y1);
  taps_within(ox, s->sw, s->pl, s->dw, s->kw, pad ? -s->pl : 0, s->w + (pad ? s->pr : 0), &x0, &x1);
  return (float)(y1 - y0) * (float)(x1 - x0);
}

static void max_forward(void *arg, int thread, int threads) {
  const pool_task *t = arg;
  const es_pool_shape *s = t->s;
  long from, to;
  share((long)s->n * s->oh, 1, thread, threads, &from, &to);
  for (long row = from; row < to; row++) {
    long n = row / s->oh;
    int oy = (int)(row % s->oh);
    for (int ox = 0; ox < s->ow; ox++) {
      window at = window_at(s, t->x, n, oy, ox);
      float *restrict y = t->out + (row * s->ow + ox) * s->c;
      for (int i = 0; i < s->c; i++) y[i] = -INFINITY;
      for (int ky = at.y0; ky < at.y1; ky++) {
        for (int kx = at.x0; kx < at.x1; kx++) {
          const float *restrict x = t->x + cell(s, n, oy, ox, ky, kx);
          for (int i = 0; i < s->c; i++) y[i] = y[i] >= x[i] ? y[i] : x[i];
        }
      }
    }
  }
}

/* Windows may overlap, so a thread owns whole images and clears them first. */
static void max_backward(void *arg, int thread, int threads) {
  const pool_task *t = arg;
  const es_pool_shape *s = t->s;
  long from, to, image = (long)s->h * s->w * s->c;
  share(s->n, 1, thread, threads, &from, &to);
  memset(t->out + from * image, 0, sizeof(float) * (size_t)((to - from) * image));
  for (long row = from * s->oh; row < to * s->oh; row++) {
    long n = row / s->oh;
    int oy = (int)(row % s->oh);
    for (int ox = 0; ox < s->ow; ox++) {
      window at = window_at(s, t->x, n, oy, ox);
      long o = (row * s->ow + ox) * s->c;
      for (int i = 0; i < s->c; i++) {
        for (int tap = at.y0 * s->kw + at.x0; tap < at.y1 * s->kw; tap++) {
          int kx = tap % s->kw;
          if (kx < at.x0 || kx >= at.x1) continue;
          long p = cell(s, n, oy, ox, tap / s->kw, kx) + i;
          if (t->x[p] != t->y[o + i]) continue;
          t->out[p] += t->dy[o + i];
          break;
        }
      }
    }
  }
}

static void avg_forward(void *arg, int thread, int threads) {
  const pool_task *t = arg;
  const es_pool_shape *s = t->s;
  long from, to;
  share((long)s->n * s->oh, 1, thread, threads, &from, &to);
  for (long row = from; row < to; row++) {
    long n = row / s->oh;
    int oy = (int)(row % s->oh);
    for (int ox = 0; ox < s->ow; ox++) {
      window at = window_at(s, t->x, n, oy, ox);
      float *restrict y = t->out + (row * s->ow + ox) * s->c;
      memset(y, 0, sizeof(float) * (size_t)s->c);
      for (int ky = at.y0; ky < at.y1; ky++) {
        for (int kx = at.x0; kx < at.x1; kx++) {
          const float *restrict x = t->x + cell(s, n, oy, ox, ky, kx);
          for (int i = 0; i < s->c; i++) y[i] += x[i];
        }
      }
      float count = divisor(s, oy, ox);
      for (int i = 0; i < s->c; i++) y[i] /= count;
    }
  }
}

static void avg_backward(void *arg, int thread, int threads) {
  const pool_task *t = arg;
  const es_pool_shape *s = t->s;
  long from, to, image = (long)s->h * s->w * s->c;
  share(s->n, 1, thread, threads, &from, &to);
  memset(t->out + from * image, 0, sizeof(float) * (size_t)((to - from) * image));
  for (long row = from * s->oh; row < to * s->oh; row++) {
    long n = row / s->oh;
    int oy = (int)(row % s->oh);
    for (int ox = 0; ox < s->ow; ox++) {
      window at = window_at(s, NULL, n, oy, ox);
      const float *restrict dy = t->dy + (row * s->ow + ox) * s->c;
      float count = divisor(s, oy, ox);
      for (int ky = at.y0; ky < at.y1; ky++) {
        for (int kx = at.x0; kx < at.x1; kx++) {
          float *restrict dx = t->out + cell(s, n, oy, ox, ky, kx);
          for (int i = 0; i < s->c; i++) dx[i] += dy[i] / count;
        }
      }
    }
  }
}

void ES_FN(es_max_pool_forward)(const es_pool_shape *shape, const float *x, float *y, es_pool *pool) {
  pool_task t = {shape, x, NULL, NULL, y};
  es_pool_run(pool, max_forward, &t);
}

void ES_FN(es_max_pool_backward)(const es_pool_shape *shape, const float *x, const float *y, const float *dy, float *dx,
                                 es_pool *pool) {
  pool_task t = {shape, x, y, dy, dx};
  es_pool_run(pool, max_backward, &t);
}

void ES_FN(es_avg_pool_forward)(const es_pool_shape *shape, const float *x, float *y, es_pool *pool) {
  pool_task t = {shape, x, NULL, NULL, y};
  es_pool_run(pool, avg_forward, &t);
}

void ES_FN(es_avg_pool_backward)(const es_pool_shape *shape, const float *dy, float *dx, es_pool *pool) {
  pool_task t = {shape, NULL, NULL, dy, dx};
  es_pool_run(pool, avg_backward, &t);
}

void ES_FN(es_global_avg_pool_forward)(int n, int pixels, int c, const float *x, float *y, es_pool *pool) {
  es_pool_shape shape = {.n = n, .h = 1, .w = pixels, .c = c, .oh = 1, .ow = 1, .kh = 1, .kw = pixels, .sh = 1, .sw = 1, .dh = 1, .dw = 1};
  ES_FN(es_avg_pool_forward)(&shape, x, y, pool);
}

void ES_FN(es_global_avg_pool_backward)(int n, int pixels, int c, const float *dy, float *dx, es_pool *pool) {
  es_pool_shape shape = {.n = n, .h = 1, .w = pixels, .c = c, .oh = 1, .ow = 1, .kh = 1, .kw = pixels, .sh = 1, .sw = 1, .dh = 1, .dw = 1};
  ES_FN(es_avg_pool_backward)(&shape, dy, dx, pool);
}
