/* Depthwise convolutions, forward and of input gradients: vectors over channels; windows of three columns keep a vector's weights in registers along a
 * row of outputs, for others several pixels of a row go together so that a weight is loaded once for them. Where taps leave the plane, the loop over
 * taps is shorter; nothing is copied. */
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

/* The taps that a run of outputs has inside the plane, as rows × columns. */
typedef struct {
  int rows, columns;
  long row_step, column_step; /* floats of x between taps */
  const float *w;             /* of the first of them */
  long w_row, w_column;
} tap_window;

/* `pixels` neighbouring outputs × n vectors of channels, both constants; `count` channels in the last vector. */
ES_INLINE void outputs(const es_epilogue *e, const tap_window *taps, const float *x, long step, float *y, long out_step, const float *residual,
                    const float *bias, int pixels, int n, int count) {
  vf acc[PIXELS][2];
  ES_ROWS(pixels, ES_COLUMNS(n, acc[m][j] = v_zero()))
  for (int r = 0; r < taps->rows; r++) {
    const float *from = x + r * taps->row_step, *w = taps->w + r * taps->w_row;
    for (int c = 0; c < taps->columns; c++, from += taps->column_step, w += taps->w_column) {
      ES_COLUMNS(n, {
        const vf weight = v_load(w + j * V);
        ES_ROWS(pixels, acc[m][j] += v_load_first(from + m * step + j * V, j == n - 1 ? count : V) * weight)
      })
    }
  }
  if (bias) {
    ES_COLUMNS(n, {
      const vf all = v_load_first(bias + j * V, j == n - 1 ? count : V);
      ES_ROWS(pixels, acc[m][j] += all)
    })
  }
  if (residual) ES_ROWS(pixels, ES_COLUMNS(n, acc[m][j] += v_load_first(residual + m * out_step + j * V, j == n - 1 ? count : V)))
  const v_bounds bounds = v_bounds_of(e->relu, e->relu_max);
  ES_ROWS(pixels, ES_COLUMNS(n, v_store_first(y + m * out_step + j * V, v_bounded(acc[m][j], bounds), j == n - 1 ? count : V)))
}

/* `pixels` neighbouring outputs, all channels: the innermost loop runs along memory, however far apart pixels are. */
ES_INLINE void all_channels(const depthwise_task *t, const tap_window *window, const float *x, long step, float *y, const float *residual,
                         int pixels) {
  const es_epilogue e = t->e; /* own copies: stores of vectors may alias what is shared */
  tap_window taps = *window;
  const int c = t->p->c;
  const long out_step = t->p->out_x;
  int i = 0;
  for (; i + 2 * V <= c; i += 2 * V, taps.w += 2 * V) {
    outputs(&e, &taps, x + i, step, y + i, out_step, residual ? residual + i : NULL, e.bias ? e.bias + i : NULL, pixels, 2, V);
  }
  for (; i < c; i += V, taps.w += V) {
    const float *r = residual ? residual + i : NULL, *bias = e.bias ? e.bias + i : NULL;
    if (c - i >= V) outputs(&e, &taps, x + i, step, y + i, out_step, r, bias, pixels, 1, V);
    else outputs(&e, &taps, x + i, step, y + i, out_step, r, bias, pixels, 1, c - i);
  }
}

/* One channel vector of `count` neighbouring outputs that see three columns: `rows` (a constant, at most 3) × 3 weights stay in registers. */
ES_INLINE void row_of_three(const es_epilogue *e, const tap_window *taps, int rows, const float *x, long step, float *y, long out_step,
                         const float *residual, vf bias, int count, int lanes) {
  vf w[9];
  for (int i = 0; i < 9; i++) w[i] = i < rows * 3 ? v_load_first(taps->w + i / 3 * taps->w_row + i % 3 * taps->w_column, lanes) : v_zero();
  const vf w0 = w[0], w1 = w[1], w2 = w[2], w3 = w[3], w4 = w[4], w5 = w[5], w6 = w[6], w7 = w[7], w8 = w[8];
  const v_bounds bounds = v_bounds_of(e->relu, e->relu_max);
  const float *a = x, *b = x + taps->row_step, *c = b + taps->row_step;
  const long column = taps->column_step;
  for (; count > 0; count--, a += step, b += step, c += step, y += out_step) {
    vf sum = bias + v_load_first(a, lanes) * w0, second = v_load_first(a + column, lanes) * w1;
    sum += v_load_first(a + 2 * column, lanes) * w2;
    if (rows > 1) {
      second += v_load_first(b, lanes) * w3, sum += v_load_first(b + column, lanes) * w4, second += v_load_first(b + 2 * column, lanes) * w5;
    }
    if (rows > 2) {
      sum += v_load_first(c, lanes) * w6, second += v_load_first(c + column, lanes) * w7, sum += v_load_first(c + 2 * column, lanes) * w8;
    }
    sum += second;
    if (residual) sum += v_load_first(residual, lanes), residual += out_step;
    v_store_first(y, v_bounded(sum, bounds), lanes);
  }
}

ES_INLINE void rows_of_three(const depthwise_task *t, const tap_window *window, int rows, const float *x, long step, float *y,
                          const float *residual, int count) {
  const es_epilogue e = t->e;
  tap_window taps = *window;
  const int c = t->p->c;
  const long out_step = t->p->out_x;
  int i = 0;
  for (; i + V <= c; i += V, taps.w += V) {
    const vf bias = e.bias ? v_load(e.bias + i) : v_zero();
    row_of_three(&e, &taps, rows, x + i, step, y + i, out_step, residual ? residual + i : NULL, bias, count, V);
  }
  if (i == c) return;
  const vf bias = e.bias ? v_load_part(e.bias + i, c - i) : v_zero();
  row_of_three(&e, &taps, rows, x + i, step, y + i, out_step, residual ? residual + i : NULL, bias, count, c - i);
}

/* `count` neighbouring outputs with the same taps. x: input of the first one at its first tap. */
static void run_of_outputs(const depthwise_task *t, const tap_window *taps, const float *x, long step, float *y, const float *residual,
                           int count) {
  if (taps->columns == 3 && (taps->rows == 2 || taps->rows == 3)) {
    if (taps->rows == 3) rows_of_three(t, taps, 3, x, step, y, residual, count);
    else rows_of_three(t, taps, 2, x, step, y, residual, count);
    return;
  }
  for (int together = PIXELS; count > 0; count -= together) {
    if (count < PIXELS) together = 1;
    if (together == 1) all_channels(t, taps, x, step, y, residual, 1);
    else all_channels(t, taps, x, step, y, residual, PIXELS);
    x += together * step;
    y += together * t->p->out_x;
    if (residual) residual += together * t->p->out_x;
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
