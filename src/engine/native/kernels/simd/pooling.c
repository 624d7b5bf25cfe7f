/* Max and average pools, vectors over channels: those of an output stay in registers over its window. */
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
  if (start >= low && start + (taps - 1) * dilation < high) { /* mostly, and without a division */
    *first = 0, *last = taps;
    return;
  }
  *first = start >= low ? 0 : (low - start + dilation - 1) / dilation;
  *last = start >= high ? 0 : (high - 1 - start) / dilation + 1;
  if (*last > taps) *last = taps;
  if (*first > *last) *first = *last;
}

/* The cells of an output's window that lie inside the input. */
typedef struct {
  int rows, columns;
  long at, row_step, column_step; /* floats: the first cell, and from one to the next */
} window;

static window window_at(const es_pool_shape *s, long n, int oy, int ox) {
  int y0, y1, x0, x1;
  taps_within(oy, s->sh, s->pt, s->dh, s->kh, 0, s->h, &y0, &y1);
  taps_within(ox, s->sw, s->pl, s->dw, s->kw, 0, s->w, &x0, &x1);
  long iy = (long)oy * s->sh - s->pt + y0 * s->dh, ix = (long)ox * s->sw - s->pl + x0 * s->dw;
  window w = {y1 - y0, x1 - x0, ((n * s->h + iy) * s->w + ix) * s->c, (long)s->dh * s->w * s->c, (long)s->dw * s->c};
  if (!w.rows || !w.columns) w.rows = w.columns = 0;
  return w;
}

static float divisor(const es_pool_shape *s, int oy, int ox) {
  int y0, y1, x0, x1, pad = s->count_include_pad;
  taps_within(oy, s->sh, s->pt, s->dh, s->kh, pad ? -s->pt : 0, s->h + (pad ? s->pb : 0), &y0, &y1);
  taps_within(ox, s->sw, s->pl, s->dw, s->kw, pad ? -s->pl : 0, s->w + (pad ? s->pr : 0), &x0, &x1);
  return (float)(y1 - y0) * (float)(x1 - x0);
}

/* Runs body for all channels i of an output: n vectors, `count` channels in the last. Several vectors make independent chains. */
#define EACH_VECTOR(c, body)                                  \
  {                                                           \
    int i = 0;                                                \
    for (; i + 4 * V <= (c); i += 4 * V) body(4, V);          \
    for (; i + 2 * V <= (c); i += 2 * V) body(2, V);          \
    for (; i + V <= (c); i += V) body(1, V);                  \
    if (i < (c)) body(1, (c) - i);                            \
  }

ES_INLINE void max_of(const window *w, const float *x, float *y, int n, int count) {
  vf most[4];
  for (int j = 0; j < n; j++) most[j] = v_all(-INFINITY);
  for (int ky = 0; ky < w->rows; ky++, x += w->row_step) {
    const float *cell = x;
    for (int kx = 0; kx < w->columns; kx++, cell += w->column_step) {
      for (int j = 0; j < n; j++) {
        vf v = v_load_first(cell + j * V, count);
        most[j] = v_select((v > most[j]) | (v != v), v, most[j]); /* a NaN is taken, and is not exceeded */
      }
    }
  }
  for (int j = 0; j < n; j++) v_store_first(y + j * V, most[j], count);
}

static void max_forward(void *arg, int thread, int threads) {
  const pool_task *t = arg;
  const es_pool_shape *s = t->s;
  long from, to;
  share((long)s->n * s->oh, 1, thread, threads, &from, &to);
  for (long row = from; row < to; row++) {
    for (int ox = 0; ox < s->ow; ox++) {
      const window w = window_at(s, row / s->oh, (int)(row % s->oh), ox);
      float *y = t->out + (row * s->ow + ox) * s->c;
#define BODY(n, count) max_of(&w, t->x + w.at + i, y + i, n, count)
      EACH_VECTOR(s->c, BODY)
#undef BODY
    }
  }
}

ES_INLINE void sum_of(const window *w, const float *x, float *y, float cells, int n, int count) {
  vf sum[4];
  for (int j = 0; j < n; j++) sum[j] = v_zero();
  for (int ky = 0; ky < w->rows; ky++, x += w->row_step) {
    const float *cell = x;
    for (int kx = 0; kx < w->columns; kx++, cell += w->column_step) {
      for (int j = 0; j < n; j++) sum[j] += v_load_first(cell + j * V, count);
    }
  }
  for (int j = 0; j < n; j++) v_store_first(y + j * V, sum[j] / cells, count);
}

static void avg_forward(void *arg, int thread, int threads) {
  const pool_task *t = arg;
  const es_pool_shape *s = t->s;
  long from, to;
  share((long)s->n * s->oh, 1, thread, threads, &from, &to);
  for (long row = from; row < to; row++) {
    const int oy = (int)(row % s->oh);
    for (int ox = 0; ox < s->ow; ox++) {
      const window w = window_at(s, row / s->oh, oy, ox);
      const float cells = divisor(s, oy, ox);
      float *y = t->out + (row * s->ow + ox) * s->c;
#define BODY(n, count) sum_of(&w, t->x + w.at + i, y + i, cells, n, count)
      EACH_VECTOR(s->c, BODY)
#undef BODY
    }
  }
}

/* Gives dy to the first of the equal maxima. */
ES_INLINE void give_to_max(const window *w, const float *x, const float *y, const float *dy, float *dx, int n, int count) {
  vi open[4];
  vf most[4], gradient[4];
  for (int j = 0; j < n; j++) {
    most[j] = v_load_first(y + j * V, count), gradient[j] = v_load_first(dy + j * V, count);
    open[j] = ~(vi){0};
  }
  for (int ky = 0; ky < w->rows; ky++) {
    long at = w->at + ky * w->row_step;
    for (int kx = 0; kx < w->columns; kx++, at += w->column_step) {
      for (int j = 0; j < n; j++) {
        const vi here = (v_load_first(x + at + j * V, count) == most[j]) & open[j];
        open[j] &= ~here;
        v_store_first(dx + at + j * V, v_load_first(dx + at + j * V, count) + (vf)((vi)gradient[j] & here), count);
      }
    }
  }
}

ES_INLINE void spread(const window *w, const float *dy, float *dx, float cells, int n, int count) {
  vf each[4];
  for (int j = 0; j < n; j++) each[j] = v_load_first(dy + j * V, count) / cells;
  for (int ky = 0; ky < w->rows; ky++) {
    float *cell = dx + w->at + ky * w->row_step;
    for (int kx = 0; kx < w->columns; kx++, cell += w->column_step) {
      for (int j = 0; j < n; j++) v_store_first(cell + j * V, v_load_first(cell + j * V, count) + each[j], count);
    }
  }
}

/* Windows may overlap, so a thread owns whole images. Rows are cleared shortly before the first window adds to them. x: NULL for averages. */
static void backward(void *arg, int thread, int threads) {
  const pool_task *t = arg;
  const es_pool_shape *s = t->s;
  const long line = (long)s->w * s->c;
  long from, to;
  share(s->n, 1, thread, threads, &from, &to);
  for (long n = from; n < to; n++) {
    float *image = t->out + n * s->h * line;
    long cleared = 0;
    for (int oy = 0; oy < s->oh; oy++) {
      long bottom = oy + 1 < s->oh ? (long)oy * s->sh - s->pt + (long)(s->kh - 1) * s->dh + 1 : s->h;
      if (bottom > s->h) bottom = s->h;
      if (bottom > cleared) {
        memset(image + cleared * line, 0, sizeof(float) * (size_t)((bottom - cleared) * line));
        cleared = bottom;
      }
      for (int ox = 0; ox < s->ow; ox++) {
        const window w = window_at(s, n, oy, ox);
        const long o = ((n * s->oh + oy) * s->ow + ox) * s->c;
        if (t->x) {
#define BODY(n, count) give_to_max(&w, t->x + i, t->y + o + i, t->dy + o + i, t->out + i, n, count)
          EACH_VECTOR(s->c, BODY)
#undef BODY
        } else {
          const float cells = divisor(s, oy, ox);
#define BODY(n, count) spread(&w, t->dy + o + i, t->out + i, cells, n, count)
          EACH_VECTOR(s->c, BODY)
#undef BODY
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
  es_pool_run(pool, backward, &t);
}

void ES_FN(es_avg_pool_forward)(const es_pool_shape *shape, const float *x, float *y, es_pool *pool) {
  pool_task t = {shape, x, NULL, NULL, y};
  es_pool_run(pool, avg_forward, &t);
}

void ES_FN(es_avg_pool_backward)(const es_pool_shape *shape, const float *dy, float *dx, es_pool *pool) {
  pool_task t = {shape, NULL, NULL, dy, dx};
  es_pool_run(pool, backward, &t);
}

void ES_FN(es_global_avg_pool_forward)(int n, int pixels, int c, const float *x, float *y, es_pool *pool) {
  es_pool_shape shape = {.n = n, .h = 1, .w = pixels, .c = c, .oh = 1, .ow = 1, .kh = 1, .kw = pixels, .sh = 1, .sw = 1, .dh = 1, .dw = 1};
  ES_FN(es_avg_pool_forward)(&shape, x, y, pool);
}

void ES_FN(es_global_avg_pool_backward)(int n, int pixels, int c, const float *dy, float *dx, es_pool *pool) {
  es_pool_shape shape = {.n = n, .h = 1, .w = pixels, .c = c, .oh = 1, .ow = 1, .kh = 1, .kw = pixels, .sh = 1, .sw = 1, .dh = 1, .dw = 1};
  ES_FN(es_avg_pool_backward)(&shape, dy, dx, pool);
}
