/* Filter gradients of 3×3 convolutions by Winograd's method, transposed: tiles of x are transformed as in the forward pass, tiles of dy by the transpose
 * of the output's transform; their products are summed over the tiles for each of the n·n values, and the sums transformed back to 3×3. */
#include "grad-tile.h"
#include "winograd.h"
#include "winograd-tiles.h"

#include <string.h>

enum {
  PANEL = 2 * V,
  LINE = 16,
  BLOCK = 72, /* tiles: enough that adding to the sums, which lie in the third cache, is little beside the products */
};

typedef struct {
  int n;
  tile_grid grid;
  long tiles;
  int block;
  int row_tiles, panels;             /* register tiles of the channels, panels of the output channels */
  long c_width, o_width;             /* floats of a tile's row of x and of dy */
  long x_matrix, dy_matrix, sum_matrix;
  int by_panels;                     /* threads share the panels; else the tiles, with sums of their own */
  size_t sums, thread_floats;
} grad_plan;

static grad_plan plan_grad(const es_conv_shape *s, int size, int threads) {
  grad_plan g = {.n = size, .grid = grid_of(s->oh, s->ow, size - 2)};
  g.tiles = (long)s->n * g.grid.rows * g.grid.columns;
  long share_tiles = (g.tiles + threads - 1) / threads;
  g.row_tiles = (s->c + GRAD_ROWS - 1) / GRAD_ROWS;
  g.panels = (s->oc + PANEL - 1) / PANEL;
  g.c_width = (long)round_up((size_t)s->c, V);
  if (g.c_width % 256 == 0) g.c_width += LINE; /* else a register tile's rows would share a set of the first cache */
  g.o_width = (long)round_up((size_t)s->oc, V);
  g.sum_matrix = (long)lines((size_t)(g.row_tiles * GRAD_ROWS * g.o_width));
  g.sums = (size_t)(g.sum_matrix * size * size);
  g.by_panels = threads > 1 && g.panels >= threads && (g.panels % threads == 0 || g.panels >= 4 * threads) &&
                (g.tiles < threads || (long)g.sums > g.tiles * size * size * g.c_width);
  g.block = g.by_panels ? (g.tiles < BLOCK ? (int)g.tiles : BLOCK) : share_tiles < BLOCK ? (int)share_tiles : BLOCK;
  g.x_matrix = g.block * g.c_width + LINE;
  g.dy_matrix = g.block * g.o_width + LINE;
  g.thread_floats = lines((size_t)((g.x_matrix + g.dy_matrix) * size * size)) + (g.by_panels ? 0 : g.sums);
  return g;
}

/* As winograd_cycles: see winograd.c. */
static double grad_cycles(const es_conv_shape *s, int size, int threads) {
  grad_plan g = plan_grad(s, size, threads);
  double tiles = (double)g.tiles, values = size * size, o_vectors = (double)g.o_width / V;
  double products = tiles * values * g.row_tiles * GRAD_ROWS * o_vectors / 2 * 1.2;
  double transforms = tiles * values * 6 * ((double)g.c_width / V + o_vectors);
  double sums = (double)g.sums / 16 * (g.sums > 256 * 1024 ? 20 : 6) * (tiles / g.block + 1) + s->c * o_vectors * (values * 2 + 100);
  return products + transforms + sums;
}

int ES_FN(winograd_filter_grad_size)(const es_conv_shape *s, int threads) {
  if (s->groups != 1 || s->kh != 3 || s->kw != 3 || s->sh != 1 || s->sw != 1 || s->dh != 1 || s->dw != 1) return 0;
  if (s->c < 8 || s->oc < 8) return 0;
  double direct = (double)s->n * s->oh * s->ow * 9 * s->c * ((double)round_up((size_t)s->oc, V) / V) / 2 * 1.2;
  double four = grad_cycles(s, 4, threads), six = grad_cycles(s, 6, threads);
  if (six < four && six < direct) return 6;
  return four < direct ? 4 : 0;
}

size_t ES_FN(winograd_filter_grad_scratch)(const es_conv_shape *shape, int size, int threads) {
  grad_plan g = plan_grad(shape, size, threads);
  return sizeof(float) * (g.thread_floats * (size_t)threads + (g.by_panels ? g.sums : 0));
}

typedef struct {
  const es_conv_shape *s;
  grad_plan g;
  const float *x, *dy;
  float *dw, *scratch;
} grad_task;

static float *sums_of(const grad_task *t, int thread, int threads) {
  return t->g.by_panels ? t->scratch + t->g.thread_floats * (size_t)threads
                        : t->scratch + t->g.thread_floats * (size_t)(thread + 1) - t->g.sums;
}

/* x: [value][tile][channel]. */
ES_INLINE void transform_x(const grad_task *t, int size, long first, int tiles, float *to) {
  const es_conv_shape *s = t->s;
  const plane_view planes = {t->x, s->h, s->w, s->c};
  tile_place at = place_of(&t->g.grid, first);
  for (int tile = 0; tile < tiles; tile++, pass_tile(&t->g.grid, &at)) {
    tile_view view = view_tile(&planes, at.plane, at.row - s->pt, at.column - s->pl, size);
    transform_tile(input_1d, size, size, &view, s->c, to + tile * t->g.c_width, t->g.x_matrix);
  }
}

/* dy's panels [from, end): [value][panel][tile][PANEL], the last panel as narrow as its vectors. */
ES_INLINE void transform_dy(const grad_task *t, int size, long first, int tiles, long from, long end, float *to) {
  const es_conv_shape *s = t->s;
  const plane_view planes = {t->dy, s->oh, s->ow, s->oc};
  tile_place at = place_of(&t->g.grid, first);
  for (int tile = 0; tile < tiles; tile++, pass_tile(&t->g.grid, &at)) {
    tile_view view = view_tile(&planes, at.plane, at.row, at.column, size - 2), part = view;
    for (long panel = from; panel < end; panel++) {
      const int o = (int)panel * PANEL, left = s->oc - o, width = left <= V ? V : PANEL;
      part.corner = view.corner + o;
      transform_tile(gradient_1d, size, size - 2, &part, left < PANEL ? left : PANEL, to + (long)o * t->g.block + tile * width, t->g.dy_matrix);
    }
  }
}

/* One panel of one value: sums [row of channels][panel] += x · dy over the tiles. */
static void sum_panel(const grad_task *t, const tile_walk *walk, const float *x, const float *dy, int narrow, float *sums) {
  const int width = narrow ? V : PANEL, together = narrow ? 2 : WIDE_GROUPS;
  for (int tile = 0; tile < t->g.row_tiles; tile += together) {
    int groups = t->g.row_tiles - tile < together ? 1 : together;
    const float *at[2] = {x + tile * GRAD_ROWS, x + (tile + 1) * GRAD_ROWS};
    float *to = sums + (long)tile * GRAD_ROWS * width;
    if (narrow) (groups > 1 ? tile_2x1 : tile_1x1)(walk, at, dy, to);
    else (groups > 1 ? tile_2x2 : tile_1x2)(walk, at, dy, to);
  }
}

static void accumulate(void *arg, int thread, int threads) {
  const grad_task *t = arg;
  const grad_plan *g = &t->g;
  const int values = g->n * g->n;
  float *x = t->scratch + g->thread_floats * (size_t)thread, *dy = x + g->x_matrix * values, *sums = sums_of(t, thread, threads);
  long tile0 = 0, tile1 = g->tiles, panel0 = 0, panel1 = g->panels;
  if (g->by_panels) share(g->panels, 1, thread, threads, &panel0, &panel1);
  else share(g->tiles, 1, thread, threads, &tile0, &tile1);
  if (tile0 == tile1 && !g->by_panels) memset(sums, 0, sizeof(float) * g->sums);
  for (long first = tile0; first < tile1; first += g->block) {
    int tiles = tile1 - first < g->block ? (int)(tile1 - first) : g->block;
    if (g->n == 4) {
      transform_x(t, 4, first, tiles, x);
      transform_dy(t, 4, first, tiles, panel0, panel1, dy);
    } else {
      transform_x(t, 6, first, tiles, x);
      transform_dy(t, 6, first, tiles, panel0, panel1, dy);
    }
    static const int32_t start = 0;
    const tile_walk walk = {&start, 1, tiles, g->c_width, first == tile0};
    for (int value = 0; value < values; value++) {
      for (long panel = panel0; panel < panel1; panel++) {
        const int narrow = g->o_width - panel * PANEL < PANEL;
        sum_panel(t, &walk, x + value * g->x_matrix, dy + value * g->dy_matrix + panel * PANEL * g->block, narrow,
                  sums + value * g->sum_matrix + panel * PANEL * g->row_tiles * GRAD_ROWS);
      }
    }
  }
}

/* Adds the threads' sums in their order and transforms them to OIHW. */
ES_INLINE void write_weights_of(const grad_task *t, int size, int thread, int threads) {
  const es_conv_shape *s = t->s;
  const grad_plan *g = &t->g;
  const int parts = g->by_panels ? 1 : threads;
  const long stride = (long)g->thread_floats;
  const float *sums = sums_of(t, 0, threads);
  long from, to;
  share(g->o_width / V * s->c, 1, thread, threads, &from, &to);
  for (long unit = from; unit < to; unit++) {
    long c = unit % s->c, o = unit / s->c * V, panel = o / PANEL, width = g->o_width - panel * PANEL < PANEL ? V : PANEL;
    const float *at = sums + panel * PANEL * g->row_tiles * GRAD_ROWS + c * width + o % PANEL;
    float u[WINOGRAD_MOST * WINOGRAD_MOST][V], w[9][V];
    for (int value = 0; value < size * size; value++) {
      vf sum = v_load(at + value * g->sum_matrix);
      for (int part = 1; part < parts; part++) sum += v_load(at + value * g->sum_matrix + part * stride);
      v_store(u[value], sum);
    }
    transform_2d(filter_gradient_1d, size, size, 3, u[0], size * V, V, NULL, V, w[0], 3 * V, V);
    for (int lane = 0; lane < V && o + lane < s->oc; lane++) {
      for (int tap = 0; tap < 9; tap++) t->dw[((o + lane) * s->c + c) * 9 + tap] = w[tap][lane];
    }
  }
}

static void write_weights(void *arg, int thread, int threads) {
  const grad_task *t = arg;
  if (t->g.n == 4) write_weights_of(t, 4, thread, threads);
  else write_weights_of(t, 6, thread, threads);
}

void ES_FN(winograd_filter_grad)(const es_conv_shape *shape, int size, const float *x, const float *dy, float *dw, void *scratch,
                                 es_pool *pool) {
  grad_task t = {shape, plan_grad(shape, size, es_pool_threads(pool)), x, dy, dw, scratch};
  es_pool_run(pool, accumulate, &t);
  es_pool_run(pool, write_weights, &t);
}
