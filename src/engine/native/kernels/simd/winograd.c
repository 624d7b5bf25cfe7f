/* Winograd convolutions: the weights are transformed once; then, for a block of tiles, the inputs are, one small matrix product is done for each of the
 * n·n values of a tile (by the register tiles of tile.h), and the outputs are transformed back. */
#include "winograd.h"
#include "tile.h"
#include "winograd-tiles.h"

ES_TILE(tile_two, TILE_M2, 2)
ES_TILE(tile_one, TILE_M1, 1)

enum {
  PANEL = 2 * V,
  LINE = 16,                /* floats between matrices, so that the n·n values of a tile do not fall into the same set of a cache */
  BLOCK_FLOATS = 96 * 1024, /* of inputs and outputs of a block of tiles */
  FEWEST_TILES = 24,
  MOST_TILES = 192,
};

typedef struct {
  int n;                /* inputs of a tile along an axis */
  tile_grid grid;
  long tiles;           /* of all planes */
  int block;            /* tiles of a block */
  long c_width, o_width; /* channels in whole vectors */
  long in_matrix, out_matrix, weight_matrix; /* floats of one of the n·n matrices */
  size_t weights, thread_floats;
} winograd_plan;

static winograd_plan plan_winograd(const window_product *p, int size) {
  winograd_plan plan = {.n = size, .grid = grid_of(p->gh, p->gw, size - 2)};
  plan.tiles = (long)p->n * plan.grid.rows * plan.grid.columns;
  plan.c_width = (long)round_up((size_t)p->c, V);
  plan.o_width = (long)round_up((size_t)p->oc, V);
  long block = BLOCK_FLOATS / (size * size * (plan.c_width + plan.o_width));
  if (block > MOST_TILES) block = MOST_TILES;
  if (block < FEWEST_TILES) block = FEWEST_TILES;
  block = (block + TILE_M2 - 1) / TILE_M2 * TILE_M2;
  plan.block = (int)block;
  plan.in_matrix = plan.block * plan.c_width + LINE;
  plan.out_matrix = plan.block * plan.o_width + LINE;
  plan.weight_matrix = (long)lines((size_t)(p->c * plan.o_width)) + LINE;
  plan.weights = lines((size_t)(plan.weight_matrix * size * size));
  plan.thread_floats = lines((size_t)((plan.in_matrix + plan.out_matrix) * size * size)) + lines((size_t)(plan.block + TILE_MAX)) +
                       2 * lines((size_t)(plan.block + TILE_MAX)) * sizeof(long) / sizeof(float);
  return plan;
}

/* Cycles of a core that multiplies and adds two vectors a cycle, from measurements on 256-bit vectors. */
static double winograd_cycles(const window_product *p, int size) {
  winograd_plan plan = plan_winograd(p, size);
  double tiles = (double)plan.tiles, values = size * size, c_vectors = (double)plan.c_width / V, o_vectors = (double)plan.o_width / V;
  double products = tiles * values * p->c * o_vectors / 2 * 1.2;
  double transforms = tiles * values * (4.5 * c_vectors + 4.5 * o_vectors);
  double blocks = tiles / plan.block + 1, weight_lines = values * p->c * (double)plan.o_width / 16;
  double weights = p->c * o_vectors * (values * 2 + 100) + weight_lines * (values * p->c * (double)plan.o_width > 96 * 1024 ? blocks * 4 + 8 : 2);
  return products + transforms + weights;
}

int ES_FN(winograd_size)(const window_product *p) {
  if (p->taps_y != 3 || p->taps_x != 3 || p->gap_y != 1 || p->gap_x != 1 || p->step_y != 1 || p->step_x != 1) return 0;
  if (p->c < 8 || p->oc < 8) return 0;
  double direct = (double)p->n * p->gh * p->gw * 9 * p->c * ((double)round_up((size_t)p->oc, V) / V) / 2 * 1.1;
  double four = winograd_cycles(p, 4), six = winograd_cycles(p, 6);
  /* Few channels: the rounding of the larger tile is more than 3 times that of a direct sum. */
  if (p->c >= 24 && six < four && six < direct) return 6;
  return four < direct ? 4 : 0;
}

size_t ES_FN(winograd_scratch)(const window_product *p, int size, int threads) {
  winograd_plan plan = plan_winograd(p, size);
  return sizeof(float) * (plan.weights + plan.thread_floats * (size_t)threads);
}

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
    vf g[9], u[WINOGRAD_MOST * WINOGRAD_MOST];
    float lanes[9][V] = {{0}};
    for (int o = 0; o < valid; o++) {
      const float *w = t->w.origin + channel * t->w.in + (o0 + o) * t->w.out;
      for (int tap = 0; tap < 9; tap++) lanes[tap][o] = w[tap / 3 * t->w.tap_y + tap % 3 * t->w.tap_x];
    }
    for (int tap = 0; tap < 9; tap++) g[tap] = v_load(lanes[tap]);
    transform_2d(filter_1d, size, 3, size, g, u);
    float *at = t->weights + panel * PANEL * p->c + channel * panel_width + o0 % PANEL;
    for (int value = 0; value < size * size; value++) v_store(at + value * plan->weight_matrix, u[value]);
  }
}

static void transform_weights(void *arg, int thread, int threads) {
  const winograd_task *t = arg;
  if (t->plan.n == 4) transform_weights_of(t, 4, thread, threads);
  else transform_weights_of(t, 6, thread, threads);
}

WINOGRAD_INLINE void transform_inputs(const winograd_task *t, int size, long first, int tiles, float *in) {
  const window_product *p = t->p;
  const plane_view planes = {t->x, p->h, p->w, p->pixel};
  const long matrix = t->plan.in_matrix, width = t->plan.c_width;
  const int channels = p->c, first_y = p->first_y, first_x = p->first_x;
  for (int tile = 0; tile < tiles; tile++) {
    tile_place at = place_of(&t->plan.grid, first + tile);
    for (int c = 0; c < channels; c += V) {
      vf d[WINOGRAD_MOST * WINOGRAD_MOST], v[WINOGRAD_MOST * WINOGRAD_MOST];
      load_tile(&planes, at.plane, at.row + first_y, at.column + first_x, size, c, channels - c < V ? channels - c : V, d);
      transform_2d(input_1d, size, size, size, d, v);
      for (int value = 0; value < size * size; value++) v_store(in + value * matrix + tile * width + c, v[value]);
    }
  }
}

WINOGRAD_INLINE void transform_outputs(const winograd_task *t, int size, long first, int tiles, const float *out) {
  const window_product own = *t->p, *p = &own;
  const es_epilogue e = t->e;
  const long matrix = t->plan.out_matrix, width = t->plan.o_width;
  const int m = size - 2;
  float *all = t->y;
  for (int tile = 0; tile < tiles; tile++) {
    tile_place at = place_of(&t->plan.grid, first + tile);
    const long corner = at.plane * p->out_n + at.row * p->out_y + at.column * p->out_x;
    const int high = p->gh - at.row < m ? p->gh - at.row : m, wide = p->gw - at.column < m ? p->gw - at.column : m;
    for (int o = 0; o < p->oc; o += V) {
      vf v[WINOGRAD_MOST * WINOGRAD_MOST], y[WINOGRAD_MOST * WINOGRAD_MOST];
      const int count = p->oc - o < V ? p->oc - o : V;
      for (int value = 0; value < size * size; value++) v[value] = v_load(out + value * matrix + tile * width + o);
      transform_2d(output_1d, size, size, m, v, y);
      const vf bias = e.bias ? v_load_part(e.bias + o, count) : v_zero();
      for (int i = 0; i < high; i++) {
        for (int j = 0; j < wide; j++) {
          const long to = corner + i * p->out_y + j * p->out_x + o;
          vf r = y[i * m + j] + bias;
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

static void multiply_matrices(const winograd_task *t, int tiles, const float *in, float *out, const int32_t *in_at, const long *out_at) {
  const window_product *p = t->p;
  const winograd_plan *plan = &t->plan;
  const piece row = {0, p->c};
  for (int value = 0; value < plan->n * plan->n; value++) {
    for (long o = 0; o < plan->o_width; o += PANEL) {
      tile_job job = {.pieces = &row, .count = 1, .weights = t->weights + value * plan->weight_matrix + o * p->c, .first = 1, .tail = V};
      const float *x = in + value * plan->in_matrix;
      float *y = out + value * plan->out_matrix + o;
      if (plan->o_width - o > V) {
        for (int i = 0; i < tiles; i += TILE_M2) tile_two(&job, x, in_at + i, y, out_at + i);
      } else {
        for (int i = 0; i < tiles; i += TILE_M1) tile_one(&job, x, in_at + i, y, out_at + i);
      }
    }
  }
}

static void convolve(void *arg, int thread, int threads) {
  const winograd_task *t = arg;
  const winograd_plan *plan = &t->plan;
  float *in = t->thread_scratch + plan->thread_floats * (size_t)thread, *out = in + plan->in_matrix * plan->n * plan->n;
  long *out_at = (long *)(in + lines((size_t)((plan->in_matrix + plan->out_matrix) * plan->n * plan->n)));
  int32_t *in_at = (int32_t *)(out_at + lines((size_t)(plan->block + TILE_MAX)));
  long from, to;
  share(plan->tiles, 1, thread, threads, &from, &to);
  for (long first = from; first < to; first += plan->block) {
    int tiles = to - first < plan->block ? (int)(to - first) : plan->block;
    for (int i = 0; i < tiles + TILE_MAX; i++) { /* short register tiles repeat the last row */
      int tile = i < tiles ? i : tiles - 1;
      in_at[i] = (int32_t)(tile * plan->c_width);
      out_at[i] = tile * plan->o_width;
    }
    if (plan->n == 4) transform_inputs(t, 4, first, tiles, in);
    else transform_inputs(t, 6, first, tiles, in);
    multiply_matrices(t, tiles, in, out, in_at, out_at);
    if (plan->n == 4) transform_outputs(t, 4, first, tiles, out);
    else transform_outputs(t, 6, first, tiles, out);
  }
}

void ES_FN(winograd_run)(const window_product *p, int size, const float *x, weight_view weights, es_epilogue epilogue, float *y,
                         void *scratch, es_pool *pool) {
  winograd_task t = {p, plan_winograd(p, size), x, weights, epilogue, y, scratch, NULL};
  t.thread_scratch = t.weights + t.plan.weights;
  es_pool_run(pool, transform_weights, &t);
  es_pool_run(pool, convolve, &t);
}
