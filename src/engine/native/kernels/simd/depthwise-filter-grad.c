/* Filter gradients of depthwise convolutions: vectors over channels, the sums of up to 3×3 taps in registers along a row of pixels. A larger kernel
 * is several such blocks; at the borders a block has fewer taps. */
#include "depthwise.h"

#include <string.h>

enum {
  SIDE = 3,
  STRETCH = 12 /* pixels of a row at a time: with many channels they share few sets of the first cache */
};

typedef struct {
  const es_conv_shape *s;
  const float *x, *dy;
  float *dw, *scratch;
} depthwise_grad_task;

static long width_of(const es_conv_shape *s) { return (long)round_up((size_t)s->c, V); }

static size_t sum_floats(const es_conv_shape *s) { return lines((size_t)(width_of(s) * s->kh * s->kw)); }

/* A thread has sums of an image and of all its images: the sum of few large sums rounds less. */
size_t ES_FN(depthwise_filter_grad_scratch)(const es_conv_shape *shape, int threads) {
  return sizeof(float) * 2 * sum_floats(shape) * (size_t)threads;
}

/* Pixels of a row that share their taps, at some channels. */
typedef struct {
  const float *x, *dy;
  int pixels, part;                      /* part: channels of the vector */
  long x_step, dy_step, tap_row, tap_column;
  float *sums;
  long sums_row, sums_column;
} segment;

ES_INLINE void add_segment(const segment *shared, int rows, int columns, int count) {
  const segment g = *shared;
  const float *x = g.x, *dy = g.dy;
  vf acc[SIDE][SIDE];
  for (int r = 0; r < rows; r++) {
    for (int c = 0; c < columns; c++) acc[r][c] = v_load(g.sums + r * g.sums_row + c * g.sums_column);
  }
  for (int i = 0; i < g.pixels; i++, x += g.x_step, dy += g.dy_step) {
    vf d = v_load_first(dy, count);
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++) {
        const float *at = x + r * g.tap_row + c * g.tap_column;
        acc[r][c] += v_load_first(at, count) * d;
      }
    }
  }
  for (int r = 0; r < rows; r++) {
    for (int c = 0; c < columns; c++) v_store(g.sums + r * g.sums_row + c * g.sums_column, acc[r][c]);
  }
}

#define ES_SEGMENT(rows, columns)                                 \
  static void segment_##rows##x##columns(const segment *g) {      \
    if (g->part == V) add_segment(g, rows, columns, V);           \
    else add_segment(g, rows, columns, g->part);                  \
  }
ES_SEGMENT(1, 1) ES_SEGMENT(1, 2) ES_SEGMENT(1, 3)
ES_SEGMENT(2, 1) ES_SEGMENT(2, 2) ES_SEGMENT(2, 3)
ES_SEGMENT(3, 1) ES_SEGMENT(3, 2) ES_SEGMENT(3, 3)

static void (*const SEGMENTS[SIDE][SIDE])(const segment *) = {
    {segment_1x1, segment_1x2, segment_1x3}, {segment_2x1, segment_2x2, segment_2x3}, {segment_3x1, segment_3x2, segment_3x3}};

/* Of taps [first, last): those of output o that lie in [0, extent). */
static void inside(int o, int stride, int pad, int dilation, int extent, int *first, int *last) {
  int at = o * stride - pad;
  while (*first < *last && at + *first * dilation < 0) ++*first;
  while (*last > *first && at + (*last - 1) * dilation >= extent) --*last;
}

/* Adds an output row's products for a block of taps [ky0, ky1) × [kx0, kx1). */
static void add_row(const depthwise_grad_task *t, long n, int oy, int ky0, int ky1, int kx0, int kx1, float *sums) {
  const es_conv_shape *s = t->s;
  const long width = width_of(s);
  inside(oy, s->sh, s->pt, s->dh, s->h, &ky0, &ky1);
  if (ky0 == ky1) return;
  for (int ox = 0; ox < s->ow;) {
    int a = kx0, b = kx1, end = ox + 1;
    inside(ox, s->sw, s->pl, s->dw, s->w, &a, &b);
    for (int c = a, d = b; end < s->ow && end - ox < STRETCH; end++) {
      c = kx0, d = kx1;
      inside(end, s->sw, s->pl, s->dw, s->w, &c, &d);
      if (c != a || d != b) break;
    }
    if (a < b) {
      long iy = (long)oy * s->sh - s->pt + ky0 * s->dh, ix = (long)ox * s->sw - s->pl + a * s->dw;
      segment g = {.pixels = end - ox, .x_step = (long)s->sw * s->c, .dy_step = s->c, .tap_row = (long)s->dh * s->w * s->c,
                   .tap_column = (long)s->dw * s->c, .sums_row = s->kw * width, .sums_column = width};
      for (int c = 0; c < s->c; c += V) {
        g.x = t->x + ((n * s->h + iy) * s->w + ix) * s->c + c;
        g.dy = t->dy + ((n * s->oh + oy) * s->ow + ox) * s->c + c;
        g.sums = sums + (ky0 * s->kw + a) * width + c;
        g.part = s->c - c < V ? s->c - c : V;
        SEGMENTS[ky1 - ky0 - 1][b - a - 1](&g);
      }
    }
    ox = end;
  }
}

static void accumulate(void *arg, int thread, int threads) {
  const depthwise_grad_task *t = arg;
  const es_conv_shape *s = t->s;
  const size_t floats = sum_floats(s);
  float *sums = t->scratch + 2 * floats * (size_t)thread, *image = sums + floats;
  memset(sums, 0, sizeof(float) * floats);
  long from, to;
  share((long)s->n * s->oh, 1, thread, threads, &from, &to);
  for (long row = from; row < to;) {
    long n = row / s->oh, end = (n + 1) * s->oh < to ? (n + 1) * s->oh : to;
    memset(image, 0, sizeof(float) * floats);
    for (; row < end; row++) {
      for (int ky = 0; ky < s->kh; ky += SIDE) {
        for (int kx = 0; kx < s->kw; kx += SIDE) {
          add_row(t, n, (int)(row % s->oh), ky, ky + SIDE < s->kh ? ky + SIDE : s->kh, kx, kx + SIDE < s->kw ? kx + SIDE : s->kw, image);
        }
      }
    }
    for (size_t i = 0; i < floats; i++) sums[i] += image[i];
  }
}

void ES_FN(depthwise_filter_grad)(const es_conv_shape *shape, const float *x, const float *dy, float *dw, void *scratch, es_pool *pool) {
  depthwise_grad_task t = {shape, x, dy, dw, scratch};
  es_pool_run(pool, accumulate, &t);
  const int taps = shape->kh * shape->kw, threads = es_pool_threads(pool);
  const long width = width_of(shape);
  for (int c = 0; c < shape->c; c++) {
    for (int tap = 0; tap < taps; tap++) {
      float sum = 0;
      for (int thread = 0; thread < threads; thread++) sum += t.scratch[2 * sum_floats(shape) * (size_t)thread + (size_t)(tap * width + c)];
      dw[(long)c * taps + tap] = sum;
    }
  }
}
