/* Winograd convolutions: the weights are transformed once; then, for a block of tiles, the inputs are, one small matrix product is done for each of the
 * n·n values of a tile, and the outputs are transformed back. */
#include "winograd.h"
#include "tile.h"
#include "winograd-tiles.h"

#include <string.h>

/* y[M][N·V] = x[M][k] · w[k][N·V]. */
#define ES_SMALL_TILE(name, M, N)                                                                                       \
  __attribute__((noinline)) static void name(long k, const float *x, long x_step, const float *w, float *y, long y_step) { \
    vf acc[M][N];                                                                                                       \
    for (int m = 0; m < M; m++) {                                                                                       \
      for (int j = 0; j < N; j++) acc[m][j] = v_zero();                                                                 \
    }                                                                                                                   \
    for (; k > 0; k--, x++, w += N * V) {                                                                               \
      vf b[N];                                                                                                          \
      for (int j = 0; j < N; j++) b[j] = v_load(w + j * V);                                                             \
      for (int m = 0; m < M; m++) {                                                                                     \
        vf a = v_all(x[m * x_step]);                                                                                    \
        for (int j = 0; j < N; j++) acc[m][j] += a * b[j];                                                              \
      }                                                                                                                 \
    }                                                                                                                   \
    for (int m = 0; m < M; m++) {                                                                                       \
      for (int j = 0; j < N; j++) v_store(y + m * y_step + j * V, acc[m][j]);                                           \
    }                                                                                                                   \
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
  plan.weight_matrix = (long)lines((size_t)(p->c * plan.o_width)) + LINE;
  plan.weights = lines((size_t)(plan.weight_matrix * size * size));
  plan.thread_floats = lines((size_t)((plan.in_tile + plan.out_tile) * plan.block)) + lines((size_t)(size * size * p->c));
  return plan;
}

/* Cycles of a core that multiplies and adds two vectors a cycle, fitted to measurements on 256-bit vectors. Weights that the second cache does not
 * hold are dear to write, and read again for every block. */
static double winograd_cycles(const window_product *p, int size) {
  winograd_plan plan = plan_winograd(p, size);
  double tiles = (double)plan.tiles, values = size * size, c_vectors = (double)plan.c_width / V, o_vectors = (double)plan.o_width / V;
  double products = tiles * values * p->c * o_vectors / 2 * 1.2;
  double transforms = tiles * values * 6 * (c_vectors + o_vectors);
  double weights = values * p->c * (double)plan.o_width, blocks = tiles / plan.block + 1;
  double traffic = weights / 16 * (weights > 256 * 1024 ? 60 + 4 * blocks : 4);
  return products + transforms + traffic + p->c * o_vectors * (values * 2 + 100);
}

int ES_FN(winograd_size)(const window_product *p) {
  if (p->taps_y != 3 || p->taps_x != 3 || p->gap_y != 1 || p->gap_x != 1 || p->step_y != 1 || p->step_x != 1) return 0;
  /* Few channels: the larger tile rounds more than 3 times as much as a direct sum, and the smaller one gains nothing. */
  if (p->c < 24 || p->oc < 8) return 0;
  double direct = (double)p->n * p->gh * p->gw * 9 * p->c * ((double)plan_winograd(p, 4).o_width / V) / 2 * 1.1;
  direct += 36.0 * p->c * p->oc; /* packing its weights */
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
WINOGRAD_INLINE void transform_weights_of(const winograd_task *t, int size, int thread, int threads) {
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
    transform_2d(filter_1d, size, 3, size, lanes[0], 3 * V, V, V, at, size * plan->weight_matrix, plan->weight_matrix);
  }
}

static void transform_weights(void *arg, int thread, int threads) {
  const winograd_task *t = arg;
  if (t->plan.n == 4) transform_weights_of(t, 4, thread, threads);
  else transform_weights_of(t, 6, thread, threads);
}

WINOGRAD_INLINE void transform_inputs(const winograd_task *t, int size, long first, int tiles, float *in, float *copy) {
  const window_product *p = t->p;
  const plane_view planes = {t->x, p->h, p->w, p->pixel};
  for (int tile = 0; tile < tiles; tile++) {
    tile_place at = place_of(&t->plan.grid, first + tile);
    tile_view view = view_tile(&planes, at.plane, at.row + p->first_y, at.column + p->first_x, size, p->c, copy);
    transform_tile(input_1d, size, size, view, p->c, in + tile * t->plan.in_tile, t->plan.c_width);
  }
}

WINOGRAD_INLINE void transform_outputs(const winograd_task *t, int size, long first, int tiles, const float *out) {
  const window_product own = *t->p, *p = &own;
  const es_epilogue e = t->e;
  const long step = t->plan.out_tile, width = t->plan.o_width;
  const int m = size - 2;
  float *all = t->y;
  for (int tile = 0; tile < tiles; tile++) {
    tile_place at = place_of(&t->plan.grid, first + tile);
    const long corner = at.plane * p->out_n + at.row * p->out_y + at.column * p->out_x;
    const int high = p->gh - at.row < m ? p->gh - at.row : m, wide = p->gw - at.column < m ? p->gw - at.column : m;
    for (int o = 0; o < p->oc; o += V) {
      float y[WINOGRAD_MOST * WINOGRAD_MOST * V];
      const int count = p->oc - o < V ? p->oc - o : V;
      transform_2d(output_1d, size, size, m, out + tile * step + o, size * width, width, V, y, m * V, V);
      const vf bias = e.bias ? v_load_part(e.bias + o, count) : v_zero();
      for (int i = 0; i < high; i++) {
        for (int j = 0; j < wide; j++) {
          const long to = corner + i * p->out_y + j * p->out_x + o;
          vf r = v_load(y + (i * m + j) * V) + bias;
          if (e.residual) r += count == V ? v_load(e.residual + to) : v_load_part(e.residual + to, count);
          if (e.relu) {
            r = v_select(r < 0, v_zero(), r);
            if (e.relu_max > 0) r = v_select(r > e.relu_max, v_all(e.relu_max), r);
          }
          if (count == V) v_store(all + to, r);
          else v_store_part(all + to, r, count);
        }
      }
    }
  }
}

/* Asks for part `index` of `parts` of the floats that the next value needs: all weights together seldom fit the second cache. */
static inline void prefetch_part(const float *p, long floats, int index, int parts) {
  for (long i = floats * index / parts / LINE * LINE; i < floats * (index + 1) / parts; i += LINE) __builtin_prefetch(p + i, 0, 2);
}

/* For each value, the product of the tiles and the weights. The register tiles' rest, past the last tile, is computed and never read. */
static void multiply_values(const winograd_task *t, int tiles, const float *in, float *out) {
  const winograd_plan *plan = &t->plan;
  const long k = t->p->c, panel = k * PANEL;
  for (int value = 0; value < plan->n * plan->n; value++) {
    const float *x = in + value * plan->c_width, *weights = t->weights + value * plan->weight_matrix;
    float *y = out + value * plan->o_width;
    long o = 0;
    for (; o + V < plan->o_width; o += PANEL, weights += panel) {
      for (int i = 0; i < tiles; i += TILE_M2) {
        prefetch_part(weights + plan->weight_matrix, panel, i / TILE_M2, (tiles + TILE_M2 - 1) / TILE_M2);
        tile_two(k, x + i * plan->in_tile, plan->in_tile, weights, y + i * plan->out_tile + o, plan->out_tile);
      }
    }
    if (o == plan->o_width) continue;
    for (int i = 0; i < tiles; i += TILE_M1) tile_one(k, x + i * plan->in_tile, plan->in_tile, weights, y + i * plan->out_tile + o, plan->out_tile);
  }
}

static void convolve(void *arg, int thread, int threads) {
  const winograd_task *t = arg;
  const winograd_plan *plan = &t->plan;
  float *in = t->thread_scratch + plan->thread_floats * (size_t)thread, *out = in + plan->in_tile * plan->block, *copy = out + plan->out_tile * plan->block;
  long from, to;
  share(plan->tiles, 1, thread, threads, &from, &to);
  for (long first = from; first < to; first += plan->block) {
    int tiles = to - first < plan->block ? (int)(to - first) : plan->block;
    if (tiles < plan->block) memset(in + tiles * plan->in_tile, 0, sizeof(float) * (size_t)((plan->block - tiles) * plan->in_tile));
    if (plan->n == 4) transform_inputs(t, 4, first, tiles, in, copy);
    else transform_inputs(t, 6, first, tiles, in, copy);
    multiply_values(t, tiles, in, out);
    if (plan->n == 4) transform_outputs(t, 4, first, tiles, out);
    else transform_outputs(t, 6, first, tiles, out);
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
