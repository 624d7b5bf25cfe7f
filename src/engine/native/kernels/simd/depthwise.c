/* Depthwise convolutions, forward and of input gradients: vectors over channels, several pixels of a row together so that a weight is loaded
 * once for them. Where taps leave the plane, the loop over taps is shorter; nothing is copied. */
#include "depthwise.h"

enum { PIXELS = 4 };

typedef struct {
  const window_product *p;
  const float *x, *w; /* w packed: [tap][channel], to whole vectors */
  es_epilogue e;
  float *y;
} depthwise_task;

static long packed_width(const window_product *p) { return (long)round_up((size_t)p->c, V); }

size_t ES_FN(depthwise_scratch)(const window_product *p) {
  return sizeof(float) * lines((size_t)packed_width(p) * (size_t)(p->taps_y * p->taps_x));
}

#define INLINE static inline __attribute__((always_inline))

INLINE vf load(const float *p, int count) { return count == V ? v_load(p) : v_load_part(p, count); }

/* The taps that a run of outputs has inside the plane, as rows × columns. */
typedef struct {
  int rows, columns;
  long row_step, column_step; /* floats of x between taps */
  const float *w;             /* of the first of them */
  long w_row, w_column;
} tap_window;

/* `pixels` neighbouring outputs × n vectors of channels; `count` channels in the last vector. */
INLINE void outputs(const depthwise_task *t, const tap_window *taps, const float *x, long step, float *y, long out_step, const float *residual,
                    const float *bias, int pixels, int n, int count) {
  vf acc[PIXELS][2];
  for (int i = 0; i < pixels; i++) {
    for (int j = 0; j < n; j++) acc[i][j] = v_zero();
  }
  for (int r = 0; r < taps->rows; r++) {
    const float *from = x + r * taps->row_step, *w = taps->w + r * taps->w_row;
    for (int c = 0; c < taps->columns; c++, from += taps->column_step, w += taps->w_column) {
      for (int j = 0; j < n; j++) {
        vf weight = v_load(w + j * V);
        for (int i = 0; i < pixels; i++) acc[i][j] += load(from + i * step + j * V, j == n - 1 ? count : V) * weight;
      }
    }
  }
  for (int i = 0; i < pixels; i++) {
    for (int j = 0; j < n; j++) {
      int part = j == n - 1 ? count : V;
      vf v = acc[i][j];
      if (bias) v += load(bias + j * V, part);
      if (residual) v += load(residual + i * out_step + j * V, part);
      if (t->e.relu) {
        v = v_select(v < 0, v_zero(), v);
        if (t->e.relu_max > 0) v = v_select(v > t->e.relu_max, v_all(t->e.relu_max), v);
      }
      if (part == V) v_store(y + i * out_step + j * V, v);
      else v_store_part(y + i * out_step + j * V, v, part);
    }
  }
}

/* `pixels` neighbouring outputs, all channels: the innermost loop runs along memory, however far apart pixels are. */
INLINE void all_channels(const depthwise_task *task, const tap_window *window, const float *x, long step, float *y, const float *residual,
                         int pixels) {
  const depthwise_task own = *task, *t = &own; /* stores of vectors may alias what is shared */
  tap_window taps = *window;
  const int c = t->p->c;
  const long out_step = t->p->out_x;
  int j = 0;
  for (; j + 2 * V <= c; j += 2 * V, taps.w += 2 * V) {
    outputs(t, &taps, x + j, step, y + j, out_step, residual ? residual + j : NULL, t->e.bias ? t->e.bias + j : NULL, pixels, 2, V);
  }
  for (; j < c; j += V, taps.w += V) {
    int part = c - j < V ? c - j : V;
    const float *r = residual ? residual + j : NULL, *bias = t->e.bias ? t->e.bias + j : NULL;
    if (part == V) outputs(t, &taps, x + j, step, y + j, out_step, r, bias, pixels, 1, V);
    else outputs(t, &taps, x + j, step, y + j, out_step, r, bias, pixels, 1, part);
  }
}

/* `count` neighbouring outputs with the same taps. x: input of the first one at its first tap. */
static void run_of_outputs(const depthwise_task *t, const tap_window *taps, const float *x, long step, float *y, const float *residual,
                           int count) {
  for (; count >= PIXELS; count -= PIXELS) {
    all_channels(t, taps, x, step, y, residual, PIXELS);
    x += PIXELS * step;
    y += PIXELS * t->p->out_x;
    if (residual) residual += PIXELS * t->p->out_x;
  }
  for (; count > 0; count--) {
    all_channels(t, taps, x, step, y, residual, 1);
    x += step;
    y += t->p->out_x;
    if (residual) residual += t->p->out_x;
  }
}

/* The taps of output o along an axis that lie in [0, extent): [*first, *last). */
static void inside_taps(int o, int step, int first_at, int gap, int taps, int extent, int *first, int *last) {
  int at = o * step + first_at, a = 0, b = taps;
  while (a < taps && at + a * gap < 0) a++;
  while (b > a && at + (b - 1) * gap >= extent) b--;
  *first = a;
  *last = b;
}

static void depthwise_rows(void *arg, int thread, int threads) {
  const depthwise_task *t = arg;
  const window_product *p = t->p;
  const long width = packed_width(p);
  long from, to;
  share((long)p->n * p->gh, 1, thread, threads, &from, &to);
  for (long row = from; row < to; row++) {
    long plane = row / p->gh;
    int gy = (int)(row % p->gh), y0, y1;
    inside_taps(gy, p->step_y, p->first_y, p->gap_y, p->taps_y, p->h, &y0, &y1);
    for (int gx = 0; gx < p->gw;) {
      int x0, x1, end = gx + 1;
      inside_taps(gx, p->step_x, p->first_x, p->gap_x, p->taps_x, p->w, &x0, &x1);
      for (int a = x0, b = x1; end < p->gw && a == x0 && b == x1;) { /* as far as the taps stay the same */
        inside_taps(end, p->step_x, p->first_x, p->gap_x, p->taps_x, p->w, &a, &b);
        if (a != x0 || b != x1) break;
        end++;
      }
      int rows = x1 > x0 ? y1 - y0 : 0, columns = y1 > y0 ? x1 - x0 : 0;
      tap_window taps = {rows, columns, (long)p->gap_y * p->w * p->c, (long)p->gap_x * p->c, t->w + (y0 * p->taps_x + x0) * width, p->taps_x * width, width};
      long iy = (long)gy * p->step_y + p->first_y + y0 * p->gap_y, ix = (long)gx * p->step_x + p->first_x + x0 * p->gap_x;
      const float *x = rows && columns ? t->x + ((plane * p->h + iy) * p->w + ix) * p->c : t->x;
      long at = plane * p->out_n + gy * p->out_y + gx * p->out_x;
      run_of_outputs(t, &taps, x, (long)p->step_x * p->c, t->y + at, t->e.residual ? t->e.residual + at : NULL, end - gx);
      gx = end;
    }
  }
}

void ES_FN(depthwise_run)(const window_product *p, const float *x, weight_view view, es_epilogue epilogue, float *y, void *scratch,
                          es_pool *pool) {
  float *packed = scratch;
  const long width = packed_width(p);
  for (int i = 0; i < p->taps_y; i++) {
    for (int j = 0; j < p->taps_x; j++) {
      float *to = packed + (i * p->taps_x + j) * width;
      const float *from = view.origin + i * view.tap_y + j * view.tap_x;
      for (int c = 0; c < p->c; c++) to[c] = from[c * view.in];
      for (long c = p->c; c < width; c++) to[c] = 0;
    }
  }
  depthwise_task t = {p, x, packed, epilogue, y};
  es_pool_run(pool, depthwise_rows, &t);
}
