/* Depthwise convolutions, forward and of input gradients. A thread copies the input rows that its output row sees into a ring, channel vectors
 * apart and zeros around: there a row of outputs of one channel vector has its weights in registers and its input at known distances. */
#include "depthwise.h"

#include <string.h>

enum {
  PIXELS = 4,
  UNROLLED = 3 /* windows of up to so many rows and columns have their weights in registers */
};

typedef struct {
  const window_product *p;
  const float *x, *w; /* w packed: [channel vector][tap][V] */
  es_epilogue e;
  float *y, *rings;
} depthwise_task;

static int vectors_of(const window_product *p) { return (p->c + V - 1) / V; }

/* Pixels of a ring's row: what the outputs see, which are whole tiles. */
static long ring_width(const window_product *p) {
  const long tiled = (long)round_up((size_t)p->gw, PIXELS);
  return (tiled - 1) * p->step_x + (p->taps_x > 1 ? (long)(p->taps_x - 1) * p->gap_x : 0) + 1;
}
static long ring_rows(const window_product *p) { return p->taps_y > 1 ? (long)(p->taps_y - 1) * p->gap_y + 1 : 1; }
static size_t row_floats(const window_product *p) { return (size_t)ring_width(p) * (size_t)vectors_of(p) * V; }

/* A thread's: rows of the input, and one of zeros. */
static size_t ring_floats(const window_product *p) { return lines(row_floats(p) * (size_t)(ring_rows(p) + 1)); }
static size_t packed_floats(const window_product *p) {
  return lines((size_t)vectors_of(p) * V * (size_t)(p->taps_y * p->taps_x));
}

size_t ES_FN(depthwise_scratch)(const window_product *p, int threads) {
  return sizeof(float) * (packed_floats(p) + ring_floats(p) * (size_t)threads);
}

#define INLINE static inline __attribute__((always_inline))

INLINE vf load(const float *p, int count) { return count == V ? v_load(p) : v_load_part(p, count); }

/* A row of outputs of one channel vector. */
typedef struct {
  const depthwise_task *t;
  const float *const *rows; /* for each row of taps: input at the first output's first tap */
  const float *w;
  float *y;
  const float *residual, *bias;
  int count; /* channels of the vector */
} output_row;

/* Adds, bounds and stores `live` neighbouring outputs. */
INLINE void finish(const output_row *o, const es_epilogue *e, const vf *sums, long at, long step, int live, int count) {
  for (int i = 0; i < PIXELS; i++, at += step) {
    if (i >= live) break;
    vf v = sums[i];
    if (o->bias) v += load(o->bias, count);
    if (o->residual) v += load(o->residual + at, count);
    if (e->relu) {
      v = v_select(v < 0, v_zero(), v);
      if (e->relu_max > 0) v = v_select(v > e->relu_max, v_all(e->relu_max), v);
    }
    if (count == V) v_store(o->y + at, v);
    else v_store_part(o->y + at, v, count);
  }
}

/* Of a constant number of taps side by side: weights stay in registers, and an input is loaded once for all taps of a row. */
INLINE void add_taps(const float *const *x, const vf *w, int rows, int columns, int step, long at, vf *acc) {
#pragma GCC unroll 16
  for (int r = 0; r < rows; r++) {
#pragma GCC unroll 16
    for (int k = 0; k < step * (PIXELS - 1) + columns; k++) {
      const vf cell = v_load(x[r] + at + k * V);
#pragma GCC unroll 16
      for (int i = 0; i < PIXELS; i++) {
        if (k >= i * step && k < i * step + columns) acc[i] += cell * w[r * columns + k - i * step];
      }
    }
  }
}

/* rows, columns, step: constants; or rows 0: any number of them; or columns 0: any window. */
INLINE void tile_sums(const output_row *o, const float *const *x, const vf *w, int rows, int columns, int step, long gx, vf *acc) {
  const window_product *p = o->t->p;
  for (int i = 0; i < PIXELS; i++) acc[i] = v_zero();
  if (rows) {
    add_taps(x, w, rows, columns, step, gx * step * V, acc);
    return;
  }
  const float *weights = o->w;
  for (int r = 0; r < p->taps_y; r++) {
    if (columns) {
      vf own[columns ? columns : 1];
#pragma GCC unroll 16
      for (int k = 0; k < columns; k++, weights += V) own[k] = v_load(weights);
      add_taps(o->rows + r, own, 1, columns, step, gx * step * V, acc);
      continue;
    }
    const float *cell = o->rows[r] + gx * p->step_x * V;
    for (int k = 0; k < p->taps_x; k++, cell += p->gap_x * V, weights += V) {
      for (int i = 0; i < PIXELS; i++) acc[i] += v_load(cell + (long)i * p->step_x * V) * v_load(weights);
    }
  }
}

INLINE void run_row(const output_row *o, int rows, int columns, int step, int count, int plain) {
  const es_epilogue e = o->t->e; /* own copies: stores of vectors may alias what is shared */
  const long gw = o->t->p->gw, out = o->t->p->out_x;
  const float *x[UNROLLED];
  vf w[UNROLLED * UNROLLED], acc[PIXELS];
  for (int r = 0; r < rows; r++) x[r] = o->rows[r];
#pragma GCC unroll 16
  for (int k = 0; k < rows * columns; k++) w[k] = v_load(o->w + k * V);
  float *y = o->y;
  long gx = 0;
  for (; gx + PIXELS <= gw; gx += PIXELS, y += PIXELS * out) {
    tile_sums(o, x, w, rows, columns, step, gx, acc);
    if (plain) {
      v_store(y, acc[0]), v_store(y + out, acc[1]), v_store(y + 2 * out, acc[2]), v_store(y + 3 * out, acc[3]);
    } else {
      finish(o, &e, acc, gx * out, out, PIXELS, count);
    }
  }
  if (gx == gw) return;
  tile_sums(o, x, w, rows, columns, step, gx, acc);
  finish(o, &e, acc, gx * out, out, (int)(gw - gx), count);
}

#define ES_ROW(rows, columns, step)                                                             \
  static void row_##rows##x##columns##_##step(const output_row *o) {                            \
    if (o->count < V) run_row(o, rows, columns, step, o->count, 0);                             \
    else if (o->bias || o->residual || o->t->e.relu) run_row(o, rows, columns, step, V, 0);     \
    else run_row(o, rows, columns, step, V, 1);                                                 \
  }
ES_ROW(3, 3, 1) ES_ROW(3, 3, 2) ES_ROW(2, 2, 1) ES_ROW(0, 0, 0)
ES_ROW(0, 1, 1) ES_ROW(0, 2, 1) ES_ROW(0, 3, 1) ES_ROW(0, 5, 1) ES_ROW(0, 7, 1) ES_ROW(0, 5, 2)

typedef void row_runner(const output_row *);
static const struct {
  int rows, columns, step;
  row_runner *run;
} RUNNERS[] = {{3, 3, 1, row_3x3_1}, {3, 3, 2, row_3x3_2}, {2, 2, 1, row_2x2_1}, {0, 1, 1, row_0x1_1}, {0, 2, 1, row_0x2_1}, {0, 3, 1, row_0x3_1},
               {0, 5, 1, row_0x5_1}, {0, 7, 1, row_0x7_1}, {0, 5, 2, row_0x5_2}};

static row_runner *runner_of(const window_product *p) {
  if (p->taps_x > 1 && p->gap_x != 1) return row_0x0_0;
  for (size_t i = 0; i < sizeof RUNNERS / sizeof RUNNERS[0]; i++) {
    const int rows = RUNNERS[i].rows ? RUNNERS[i].rows : p->taps_y;
    if (rows == p->taps_y && RUNNERS[i].columns == p->taps_x && RUNNERS[i].step == p->step_x) return RUNNERS[i].run;
  }
  return row_0x0_0;
}

/* An input row to the ring. What lies beyond its ends was cleared and stays so. */
static void copy_row(const window_product *p, const float *x, float *to) {
  const int c = p->c, whole = c / V * V;
  const long width = ring_width(p), from = p->first_x > 0 ? p->first_x : 0;
  const long end = p->first_x + width < p->w ? p->first_x + width : p->w;
  for (long ix = from; ix < end;) {
    const float *pixel = x + ix * c;
    float *cell = to + (ix - p->first_x) * V;
    int i = 0;
    if (ix + 4 <= end) {
      for (; i < whole; i += V, cell += width * V) {
        const vf a = v_load(pixel + i), b = v_load(pixel + c + i), d = v_load(pixel + 2 * c + i), e = v_load(pixel + 3 * c + i);
        v_store(cell, a), v_store(cell + V, b), v_store(cell + 2 * V, d), v_store(cell + 3 * V, e);
      }
      for (int k = 0; i < c && k < 4; k++) v_store(cell + k * V, v_load_part(pixel + k * c + i, c - i));
      ix += 4;
      continue;
    }
    for (; i < whole; i += V, cell += width * V) v_store(cell, v_load(pixel + i));
    if (i < c) v_store(cell, v_load_part(pixel + i, c - i));
    ix++;
  }
}

static void depthwise_rows(void *arg, int thread, int threads) {
  const depthwise_task *t = arg;
  const window_product *p = t->p;
  const size_t floats = row_floats(p);
  const long width = ring_width(p), height = ring_rows(p), taps = (long)p->taps_y * p->taps_x;
  float *ring = t->rings + ring_floats(p) * (size_t)thread, *zeros = ring + floats * (size_t)height;
  const float *rows[p->taps_y + 1], *firsts[p->taps_y + 1];
  row_runner *run = runner_of(p);
  long from, to, copied = 0; /* input rows of this plane before `copied` need no copy */
  share((long)p->n * p->gh, 1, thread, threads, &from, &to);
  if (from < to) memset(ring, 0, sizeof(float) * floats * (size_t)(height + 1));
  for (long row = from; row < to; row++) {
    const long plane = row / p->gh, gy = row % p->gh, top = gy * p->step_y + p->first_y;
    if (gy == 0 || row == from) copied = 0;
    for (long iy = top > copied ? top : copied; p->taps_y && iy < top + height && iy < p->h; iy++) {
      copy_row(p, t->x + (plane * p->h + iy) * p->w * p->c, ring + floats * (size_t)(iy % height));
      copied = iy + 1;
    }
    for (int r = 0; r < p->taps_y; r++) {
      const long iy = top + (long)r * p->gap_y;
      firsts[r] = iy >= 0 && iy < p->h ? ring + floats * (size_t)(iy % height) : zeros;
    }
    const long output = plane * p->out_n + gy * p->out_y;
    output_row o = {.t = t, .rows = rows};
    for (int v = 0; v < vectors_of(p); v++) {
      for (int r = 0; r < p->taps_y; r++) rows[r] = firsts[r] + v * width * V;
      o.w = t->w + v * taps * V;
      o.y = t->y + output + v * V;
      o.residual = t->e.residual ? t->e.residual + output + v * V : NULL;
      o.bias = t->e.bias ? t->e.bias + v * V : NULL;
      o.count = p->c - v * V < V ? p->c - v * V : V;
      run(&o);
    }
  }
}

void ES_FN(depthwise_run)(const window_product *p, const float *x, weight_view view, es_epilogue epilogue, float *y, void *scratch,
                          es_pool *pool) {
  float *packed = scratch;
  float *to = packed;
  for (int first = 0; first < p->c; first += V) {
    for (int i = 0; i < p->taps_y; i++) {
      for (int j = 0; j < p->taps_x; j++, to += V) {
        const float *from = view.origin + i * view.tap_y + j * view.tap_x + first * view.in;
        for (int lane = 0; lane < V; lane++) to[lane] = first + lane < p->c ? from[lane * view.in] : 0;
      }
    }
  }
  depthwise_task t = {p, x, packed, epilogue, y, packed + packed_floats(p)};
  es_pool_run(pool, depthwise_rows, &t);
}
