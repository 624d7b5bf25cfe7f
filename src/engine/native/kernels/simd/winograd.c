/* Winograd convolutions: the weights are transformed once; then, for a block of tiles, the inputs are, one small matrix product is done for each of the
 * n·n values of a tile, and the outputs are transformed back. */
#include "winograd.h"
#include "tile.h"
#include "winograd-tiles.h"

#include <string.h>

/* y[M][N·V] = x[M][k] · w[k][N·V]. */
#define ES_SMALL_TILE(name, M, N)                                                                                          \
  __attribute__((noinline)) static void name(long k, const float *x, long x_step, const float *w, float *y, long y_step) { \
    vf acc[TILE_MAX][2];                                                                                                   \
    ES_ROWS(M, ES_COLUMNS(N, acc[m][j] = v_zero()))                                                                        \
    for (; k > 0; k--, x++, w += N * V) {                                                                                  \
      vf b[2];                                                                                                             \
      ES_COLUMNS(N, b[j] = v_load(w + j * V))                                                                              \
      ES_ROWS(M, {                                                                                                         \
        vf a = v_all(x[m * x_step]);                                                                                       \
        ES_COLUMNS(N, acc[m][j] += a * b[j])                                                                               \
      })                                                                                                                   \
    }                                                                                                                      \
    ES_ROWS(M, ES_COLUMNS(N, v_store(y + m * y_step + j * V, acc[m][j])))                                                  \
  }
ES_SMALL_TILE(tile_two, TILE_M2, 2)
ES_SMALL_TILE(tile_one, TILE_M1, 1)

enum {
  PANEL = 2 * V,
  LINE = 16,                /* floats between tiles, so that they do not fall into the same set of a cache */
  BLOCK_FLOATS = 96 * 1024, /* of inputs and outputs of a block of tiles */
  TILE_UNIT = 24,           /* a multiple of every register tile's rows */
  MOST_TILES = 192,
};

typedef struct {
  int n;                /* inputs of a tile along an axis */
  tile_grid grid;
  long tiles;           /* of all planes */
  int block;            /* tiles of a block */
  long c_width, o_width; /* channels in whole vectors */
  long in_tile, out_tile; /* floats from a tile's values, [value][channel], to the next tile's */
  long weight_matrix;     /* floats of the weights of one value */
  int panels;
  size_t weights, thread_floats;
} winograd_plan;

static winograd_plan plan_winograd(const window_product *p, int size) {
  winograd_plan plan = {.n = size, .grid = grid_of(p->gh, p->gw, size - 2)};
  plan.tiles = (long)p->n * plan.grid.rows * plan.grid.columns;
  plan.c_width = (long)round_up((size_t)p->c, V);
  plan.o_width = (long)round_up((size_t)p->oc, V);
  long block = BLOCK_FLOATS / (size * size * (plan.c_width + plan.o_width));
  if (block > MOST_TILES) block = MOST_TILES;
  plan.block = block < TILE_UNIT ? TILE_UNIT : (int)(block / TILE_UNIT * TILE_UNIT);
  plan.in_tile = size * size * plan.c_width + LINE;
  plan.out_tile = size * size * plan.o_width + LINE;
  plan.panels = (p->oc + PANEL - 1) / PANEL;
  plan.weight_matrix = (long)lines((size_t)(p->c * plan.o_width)) + LINE;
  plan.weights = lines((size_t)(plan.weight_matrix * size * size));
  plan.thread_floats = lines((size_t)((plan.in_tile + plan.out_tile) * plan.block));
  return plan;
}

/* Cycles of a core that multiplies and adds two vectors a cycle, fitted to measurements on 256-bit vectors. Weights that the second cache does not
 * hold are dear to write, and read again for every block. */
static double winograd_cycles(const window_product *p, int size) {
  winograd_plan plan = plan_winograd(p, size);
  double tiles = (double)plan.tiles, values = size * size, c_vectors = (double)plan.c_width / V, o_vectors = (double)plan.o_width / V;
  double products = tiles * values * (p->c + 4) * o_vectors / 2 * 1.15;
  double transforms = tiles * values * 5 * (c_vectors + o_vectors);
  double cache_lines = values * p->c * (double)plan.o_width / LINE, blocks = tiles / plan.block + 1;
  double reads = cache_lines * (cache_lines > 16 * 1024 ? 10 + 4 * blocks : 4);
  double writes = cache_lines * (cache_lines > 16 * 1024 ? 50 : 0) + p->c * o_vectors * (values * 2 + 100);
  return products + transforms + reads + (p->packed ? 0 : writes);
}

int ES_FN(winograd_size)(const window_product *p) {
  if (p->taps_y != 3 || p->taps_x != 3 || p->gap_y != 1 || p->gap_x != 1 || p->step_y != 1 || p->step_x != 1) return 0;
  if (p->c < 8 || p->oc < 8) return 0;
  double direct = (double)p->n * p->gh * p->gw * (9 * p->c + 8) * ((double)plan_winograd(p, 4).o_width / V) / 2 * 1.1;
  if (!p->packed) direct += 36.0 * p->c * p->oc;
  double four = winograd_cycles(p, 4), six = winograd_cycles(p, 6);
  if (six < four && six < direct && !p->precise) return 6;
  return four < direct ? 4 : 0;
}

size_t ES_FN(winograd_scratch)(const window_product *p, int size, int threads) {
  winograd_plan plan = plan_winograd(p, size);
  return sizeof(float) * ((p->packed ? 0 : plan.weights) + plan.thread_floats * (size_t)threads);
}

size_t ES_FN(winograd_packed)(const window_product *p, int size) { return sizeof(float) * plan_winograd(p, size).weights; }

typedef struct {
  const window_product *p;
  winograd_plan plan;
  const float *x;
  weight_view w;
  es_epilogue e;
  float *y, *weights, *thread_scratch;
} winograd_task;

/* Weights as [value][panel][channel][PANEL], the last panel as narrow as its vectors. */
ES_INLINE void transform_weights_of(const winograd_task *t, int size, int thread, int threads) {
  const window_product *p = t->p;
  const winograd_plan *plan = &t->plan;
  long from, to, vectors = plan->o_width / V;
  share(vectors * p->c, 1, thread, threads, &from, &to);
  for (long unit = from; unit < to; unit++) {
    long channel = unit % p->c, o0 = unit / p->c * V, panel = o0 / PANEL, panel_width = plan->o_width - panel * PANEL < PANEL ? V : PANEL;
    int valid = p->oc - o0 < V ? (int)(p->oc - o0) : V;
    float lanes[9][V] = {{0}};
    for (int o = 0; o < valid; o++) {
      const float *w = t->w.origin + channel * t->w.in + (o0 + o) * t->w.out;
      for (int tap = 0; tap < 9; tap++) lanes[tap][o] = w[tap / 3 * t->w.tap_y + tap % 3 * t->w.tap_x];
    }
    float *at = t->weights + panel * PANEL * p->c + channel * panel_width + o0 % PANEL;
    transform_2d(filter_1d, size, 3, size, lanes[0], 3 * V, V, NULL, V, at, size * plan->weight_matrix, plan->weight_matrix);
  }
}

static void transform_weights(void *arg, int thread, int threads) {
  const winograd_task *t = arg;
  if (t->plan.n == 4) transform_weights_of(t, 4, thread, threads);
  else transform_weights_of(t, 6, thread, threads);
}

ES_INLINE void transform_inputs(const winograd_task *t, int size, long first, int tiles, float *in) {
  const window_product *p = t->p;
  const winograd_plan *plan = &t->plan;
  const plane_view planes = {t->x, p->h, p->w, p->pixel};
  tile_place at = place_of(&plan->grid, first);
  for (int tile = 0; tile < tiles; tile++, pass_tile(&plan->grid, &at)) {
    tile_view view = view_tile(&planes, at.plane, at.row + p->first_y, at.column + p->first_x, size);
    transform_tile(input_1d, size, size, &view, p->c, in + tile * plan->in_tile, plan->c_width);
  }
}

/* Where a tile's outputs go, and what they go through. */
typedef struct {
  float *y;
  const float *residual; /* laid out as y; or NULL */
  long row, column;      /* floats from one output to the next */
  int high, wide;        /* of the tile, what lies in the plane */
  v_bounds bounds;       /* of the activation */
} tile_outputs;

/* The first `count` channels of a vector: `size` × `size` values at src, `value` floats apart. A NaN compares false and stays. */
ES_INLINE void output_tile(const tile_outputs *to, int size, const float *src, long value, vf bias, int o, int whole, int count) {
  enum { M = WINOGRAD_MOST - 2 };
  __attribute__((aligned(64))) vf between[M * WINOGRAD_MOST];
  const int m = size - 2;
#pragma GCC unroll 1
  for (int j = 0; j < size; j++, src += value) {
    vf column[WINOGRAD_MOST], result[M];
#pragma GCC unroll 6
    for (int i = 0; i < size; i++) column[i] = v_load(src + i * size * value);
    output_1d(size, column, result);
#pragma GCC unroll 4
    for (int i = 0; i < m; i++) between[i * WINOGRAD_MOST + j] = result[i];
  }
  float *y = to->y + o;
  const float *residual = to->residual ? to->residual + o : NULL;
#pragma GCC unroll 1
  for (int i = 0, high = whole ? m : to->high; i < high; i++, y += to->row) {
    vf result[M];
    output_1d(size, between + i * WINOGRAD_MOST, result);
#pragma GCC unroll 4
    for (int j = 0; j < m; j++) {
      if (!whole && j >= to->wide) break;
      const long at = j * to->column;
      vf r = result[j] + bias;
      if (residual) r += v_load_first(residual + at, count);
      v_store_first(y + at, v_bounded(r, to->bounds), count);
    }
    if (residual) residual += to->row;
  }
}

ES_INLINE void transform_outputs(const winograd_task *t, int size, long first, int tiles, long from, long end, const float *out) {
  const window_product *p = t->p;
  const winograd_plan *plan = &t->plan;
  const es_epilogue e = t->e;
  const long value = plan->o_width, step = plan->out_tile, plane = p->out_n, row = p->out_y, column = p->out_x;
  const int m = size - 2, gh = p->gh, gw = p->gw, oc = end * PANEL < p->oc ? (int)end * PANEL : p->oc;
  const v_bounds bounds = v_bounds_of(e.relu, e.relu_max);
  const tile_grid grid = plan->grid;
  float *y = t->y;
  tile_place at = place_of(&grid, first);
  for (int tile = 0; tile < tiles; tile++, out += step, pass_tile(&grid, &at)) {
    const long corner = at.plane * plane + at.row * row + at.column * column;
    const tile_outputs to = {y + corner, e.residual ? e.residual + corner : NULL, row, column, gh - at.row < m ? gh - at.row : m, gw - at.column < m ? gw - at.column : m, bounds};
    const int whole = to.high == m && to.wide == m;
    int o = (int)from * PANEL;
    if (whole) {
      for (; o + V <= oc; o += V) output_tile(&to, size, out + o, value, e.bias ? v_load(e.bias + o) : v_zero(), o, 1, V);
    } else {
      for (; o + V <= oc; o += V) output_tile(&to, size, out + o, value, e.bias ? v_load(e.bias + o) : v_zero(), o, 0, V);
    }
    if (o < oc) output_tile(&to, size, out + o, value, e.bias ? v_load_part(e.bias + o, oc - o) : v_zero(), o, 0, oc - o);
  }
}

/* For each value, the product of the tiles and the weights. The register tiles' rest, past the last tile, is computed and never read. Meanwhile the
 * next value's weights are asked for: all together seldom fit the second cache. */
static void multiply_values(const winograd_task *t, int tiles, long from, long end, const float *in, float *out) {
  const winograd_plan *plan = &t->plan;
  const long k = t->p->c, panel_floats = k * PANEL, in_tile = plan->in_tile, out_tile = plan->out_tile;
  const long ahead = (long)lines((size_t)(panel_floats / ((tiles + TILE_M2 - 1) / TILE_M2) + 1));
  for (int value = 0; value < plan->n * plan->n; value++) {
    const float *x = in + value * plan->c_width;
    for (long panel = from; panel < end; panel++) {
      const float *weights = t->weights + value * plan->weight_matrix + panel * panel_floats;
      float *y = out + value * plan->o_width + panel * PANEL;
      if (plan->o_width - panel * PANEL <= V) {
        for (int i = 0; i < tiles; i += TILE_M1) tile_one(k, x + i * in_tile, in_tile, weights, y + i * out_tile, out_tile);
        continue;
      }
      const float *next = weights + plan->weight_matrix, *next_end = next + panel_floats;
      for (int i = 0; i < tiles; i += TILE_M2) {
        const float *to = next + ahead < next_end ? next + ahead : next_end;
        for (; next < to; next += LINE) __builtin_prefetch(next, 0, 2);
        tile_two(k, x + i * in_tile, in_tile, weights, y + i * out_tile, out_tile);
      }
    }
  }
}

/* Threads share the tiles; or the panels, where the weights are more than what they meet. */
static void convolve(void *arg, int thread, int threads) {
  const winograd_task *t = arg;
  const winograd_plan *plan = &t->plan;
  float *in = t->thread_scratch + plan->thread_floats * (size_t)thread, *out = in + plan->in_tile * plan->block;
  long from = 0, to = plan->tiles, panel0 = 0, panel1 = plan->panels;
  if (plan->panels % threads == 0 && t->p->oc > plan->tiles) share(panel1, 1, thread, threads, &panel0, &panel1);
  else share(to, 1, thread, threads, &from, &to);
  for (long first = from; first < to; first += plan->block) {
    int tiles = to - first < plan->block ? (int)(to - first) : plan->block;
    if (tiles < plan->block) memset(in + tiles * plan->in_tile, 0, sizeof(float) * (size_t)((plan->block - tiles) * plan->in_tile));
    if (plan->n == 4) transform_inputs(t, 4, first, tiles, in);
    else transform_inputs(t, 6, first, tiles, in);
    multiply_values(t, tiles, panel0, panel1, in, out);
    if (plan->n == 4) transform_outputs(t, 4, first, tiles, panel0, panel1, out);
    else transform_outputs(t, 6, first, tiles, panel0, panel1, out);
  }
}

void ES_FN(winograd_pack)(const window_product *p, int size, weight_view weights, float *packed, es_pool *pool) {
  winograd_task t = {.p = p, .plan = plan_winograd(p, size), .w = weights, .weights = packed};
  es_pool_run(pool, transform_weights, &t);
}

void ES_FN(winograd_run)(const window_product *p, int size, const float *x, weight_view weights, es_epilogue epilogue, float *y,
                         void *scratch, es_pool *pool) {
  float *own = scratch;
  const float *packed = weights.origin;
  if (!p->packed) {
    ES_FN(winograd_pack)(p, size, weights, own, pool);
    packed = own;
    own += ES_FN(winograd_packed)(p, size) / sizeof *own;
  }
  winograd_task t = {p, plan_winograd(p, size), x, weights, epilogue, y, (float *)packed, own};
  es_pool_run(pool, convolve, &t);
}
