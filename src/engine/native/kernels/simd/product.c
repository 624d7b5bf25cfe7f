/* Cuts a window product for the caches and the threads. A thread takes units of output rows whose input fits the second cache; for each block of K (the
 * weights of a panel of channels in the first cache) and each panel, it runs the register tiles of the unit. Where a window reaches outside, the
 * unit's input is copied with its zeros, so that no tile knows of borders. */
#include "product.h"
#include "tile.h"

#include <string.h>

ES_TILE(tile_two, TILE_M2, 2)
ES_TILE(tile_one, TILE_M1, 1)

enum {
  PANEL = 2 * V,
  K_BLOCK = 320,             /* K_BLOCK · PANEL floats: 20 KB on AVX2, beside which a tile's input passes through the first cache */
  UNIT_FLOATS = 48 * 1024,   /* input of a unit: 192 KB, of a second cache of 512 KB and more */
};

/* What follows from the shape and the number of threads alone. */
typedef struct {
  int padded;         /* units are copied */
  int copy_w;         /* columns of a copied row */
  int span_y;         /* input rows from the first tap to the last */
  long run, runs;     /* contiguous floats of a pixel's row, and how many such runs make K */
  int merged;         /* a run takes all taps of a row */
  long k;
  int k_blocks, panels;
  int unit_rows;      /* output rows (of all planes) of a unit */
  int by_panels;      /* threads share the panels, not the rows */
  long copy_floats, unit_pixels, pieces;
  size_t packed, thread_bytes;
} product_plan;

static product_plan plan_product(const window_product *p, int threads) {
  product_plan plan = {0};
  int bottom = (p->gh - 1) * p->step_y + p->first_y + (p->taps_y - 1) * p->gap_y;
  int right = (p->gw - 1) * p->step_x + p->first_x + (p->taps_x - 1) * p->gap_x;
  int taps = p->taps_y * p->taps_x;
  plan.padded = taps > 0 && (p->first_y < 0 || p->first_x < 0 || bottom >= p->h || right >= p->w);
  plan.span_y = taps ? (p->taps_y - 1) * p->gap_y + 1 : 0;
  plan.copy_w = taps ? (p->gw - 1) * p->step_x + (p->taps_x - 1) * p->gap_x + 1 : 0;
  plan.merged = (p->taps_x == 1 || p->gap_x == 1) && (plan.padded || p->pixel == p->c || p->taps_x == 1);
  plan.run = (long)p->c * (plan.merged ? p->taps_x : 1);
  plan.runs = plan.merged ? p->taps_y : taps;
  if (taps == 0) plan.runs = 0;
  plan.k = plan.run * plan.runs;
  plan.k_blocks = plan.k ? (int)((plan.k + K_BLOCK - 1) / K_BLOCK) : 1;
  plan.panels = (p->oc + PANEL - 1) / PANEL;
  plan.packed = lines((size_t)plan.k * round_up((size_t)p->oc, V));

  long rows = (long)p->n * p->gh;
  plan.by_panels = threads > 1 && plan.panels >= threads && (plan.panels % threads == 0 || plan.panels >= 4 * threads) &&
                   (rows < threads || (long)plan.packed > rows * p->step_y * p->w * p->c);
  long share_rows = plan.by_panels ? rows : (rows + threads - 1) / threads;
  long row_floats = (long)p->step_y * (plan.padded ? plan.copy_w : p->w) * p->c;
  plan.unit_rows = (int)(UNIT_FLOATS / (row_floats + 1));
  if (plan.unit_rows < 1) plan.unit_rows = 1;
  if (plan.unit_rows > share_rows) plan.unit_rows = (int)share_rows;
  const long plane = (long)(plan.span_y + p->step_y) * plan.copy_w * p->c; /* what a plane of few rows is copied with */
  if (plan.padded && plan.unit_rows > 1) {                                 /* offsets within a copy are int */
    const long most = ((ES_MOST_INT - UNIT_FLOATS) / plane - 2) * p->gh;
    if (plan.unit_rows > most) plan.unit_rows = most < 1 ? 1 : (int)most;
  }
  if (plan.unit_rows > 0) { /* units of equal size */
    long units = (share_rows + plan.unit_rows - 1) / plan.unit_rows;
    plan.unit_rows = (int)((share_rows + units - 1) / units);
  }
  plan.unit_pixels = (long)plan.unit_rows * p->gw;
  long planes = plan.unit_rows / p->gh + 2;
  if (plan.padded) {
    plan.copy_floats = (long)plan.unit_rows * p->step_y * plan.copy_w * p->c + planes * plane;
  }
  plan.pieces = plan.runs + plan.k_blocks + 1;
  plan.thread_bytes = round_up(sizeof(float) * lines((size_t)plan.copy_floats), 64) +
                      round_up(sizeof(int32_t) * (size_t)(plan.unit_pixels + TILE_MAX), 64) +
                      round_up(sizeof(long) * (size_t)(plan.unit_pixels + TILE_MAX), 64) +
                      round_up(sizeof(piece) * (size_t)plan.pieces, 64) + round_up(sizeof(int) * (size_t)(plan.k_blocks + 1), 64);
  return plan;
}

size_t ES_FN(product_packed)(const window_product *product) { return sizeof(float) * plan_product(product, 1).packed; }

size_t ES_FN(product_scratch)(const window_product *product, int threads) {
  product_plan plan = plan_product(product, threads);
  return (product->packed ? 0 : ES_FN(product_packed)(product)) + plan.thread_bytes * (size_t)threads;
}

typedef struct {
  const window_product *p;
  product_plan plan;
  const float *x;
  weight_view w;
  es_epilogue e;
  float *y, *packed;
  char *thread_scratch;
} product_task;

static long block_start(const product_plan *plan, int block) { return plan->k * block / plan->k_blocks; }

/* Packed weights lie as [block of K][panel][k][PANEL], the last panel as narrow as its vectors. */
static long packed_at(const product_task *t, int block, int panel) {
  long width = (long)round_up((size_t)t->p->oc, V), k0 = block_start(&t->plan, block), k1 = block_start(&t->plan, block + 1);
  return k0 * width + (k1 - k0) * panel * PANEL;
}

enum { CHUNK = 16 }; /* channels packed together: their weights, for a panel and all taps, fit the first cache */

static void pack_weights(void *arg, int thread, int threads) {
  const product_task *t = arg;
  const window_product *p = t->p;
  const product_plan *plan = &t->plan;
  const int taps = p->taps_y * p->taps_x;
  const long chunks = (p->c + CHUNK - 1) / CHUNK;
  long from, to;
  share(plan->panels * chunks, 1, thread, threads, &from, &to);
  for (long unit = from; unit < to; unit++) {
    int panel = (int)(unit / chunks), c0 = (int)(unit % chunks) * CHUNK, c1 = c0 + CHUNK < p->c ? c0 + CHUNK : p->c;
    int o0 = panel * PANEL, valid = p->oc - o0 < PANEL ? p->oc - o0 : PANEL, width = valid <= V ? V : PANEL;
    int block = 0;
    for (int tap = 0; tap < taps; tap++) {
      const float *from_w = t->w.origin + tap / p->taps_x * t->w.tap_y + tap % p->taps_x * t->w.tap_x + c0 * t->w.in + o0 * t->w.out;
      for (long k = (long)tap * p->c + c0; k < (long)tap * p->c + c1; k++, from_w += t->w.in) {
        while (block_start(plan, block + 1) <= k) block++;
        float *row = t->packed + packed_at(t, block, panel) + (k - block_start(plan, block)) * width;
        for (int o = 0; o < valid; o++) row[o] = from_w[o * t->w.out];
        for (int o = valid; o < width; o++) row[o] = 0;
      }
    }
  }
}

/* A thread's own memory. */
typedef struct {
  float *copy;
  int32_t *in;
  long *out;
  piece *pieces;
  int *first_piece; /* of each block of K */
} workspace;

static workspace workspace_of(const product_task *t, int thread) {
  const product_plan *plan = &t->plan;
  char *at = t->thread_scratch + plan->thread_bytes * (size_t)thread;
  workspace ws;
  ws.copy = (float *)at;
  at += round_up(sizeof(float) * lines((size_t)plan->copy_floats), 64);
  ws.in = (int32_t *)at;
  at += round_up(sizeof(int32_t) * (size_t)(plan->unit_pixels + TILE_MAX), 64);
  ws.out = (long *)at;
  at += round_up(sizeof(long) * (size_t)(plan->unit_pixels + TILE_MAX), 64);
  ws.pieces = (piece *)at;
  at += round_up(sizeof(piece) * (size_t)plan->pieces, 64);
  ws.first_piece = (int *)at;
  return ws;
}

static void list_pieces(const product_task *t, const workspace *ws) {
  const window_product *p = t->p;
  const product_plan *plan = &t->plan;
  long pixel = plan->padded ? p->c : p->pixel, row = pixel * (plan->padded ? plan->copy_w : p->w);
  int count = 0;
  for (int block = 0; block < plan->k_blocks; block++) {
    ws->first_piece[block] = count;
    long k1 = block_start(plan, block + 1);
    for (long k = block_start(plan, block); k < k1;) {
      long run = k / plan->run, within = k % plan->run, length = plan->run - within;
      if (length > k1 - k) length = k1 - k;
      long at = plan->merged ? run * p->gap_y * row : run / p->taps_x * p->gap_y * row + run % p->taps_x * p->gap_x * pixel;
      ws->pieces[count++] = (piece){(int)(at + within), (int)length};
      k += length;
    }
  }
  ws->first_piece[plan->k_blocks] = count;
}

/* Copies input rows [top, top + rows) of a plane with the zeros around it. */
static void copy_rows(const product_task *t, long plane, int top, int rows, float *to) {
  const window_product *p = t->p;
  const int left = -p->first_x, width = t->plan.copy_w;
  int x0 = left > 0 ? left : 0, x1 = left + p->w < width ? left + p->w : width;
  if (x0 > width) x0 = width;
  if (x1 < x0) x1 = x0;
  for (int r = 0; r < rows; r++, to += (long)width * p->c) {
    int iy = top + r;
    if (iy < 0 || iy >= p->h) {
      memset(to, 0, sizeof(float) * (size_t)width * (size_t)p->c);
      continue;
    }
    memset(to, 0, sizeof(float) * (size_t)x0 * (size_t)p->c);
    const float *from = t->x + ((plane * p->h + iy) * p->w + x0 - left) * p->pixel;
    if (p->pixel == p->c) {
      memcpy(to + (long)x0 * p->c, from, sizeof(float) * (size_t)(x1 - x0) * (size_t)p->c);
    } else {
      for (int ix = x0; ix < x1; ix++, from += p->pixel) memcpy(to + (long)ix * p->c, from, sizeof(float) * (size_t)p->c);
    }
    memset(to + (long)x1 * p->c, 0, sizeof(float) * (size_t)(width - x1) * (size_t)p->c);
  }
}

/* The input and output of every pixel in output rows [from, to), copying where there is padding; returns what the inputs count from. */
static const float *prepare_unit(const product_task *t, const workspace *ws, long from, long to) {
  const window_product *p = t->p;
  const product_plan *plan = &t->plan;
  long pixel = plan->padded ? p->c : p->pixel, copied = 0, count = 0;
  const long base = from / p->gh * p->h * p->w * p->pixel; /* offsets from the first plane, to fit 32 bits */
  for (long row = from; row < to;) {
    long plane = row / p->gh;
    int gy = (int)(row % p->gh), end = gy + (int)(to - row) < p->gh ? gy + (int)(to - row) : p->gh;
    int top = gy * p->step_y + p->first_y, rows = (end - 1 - gy) * p->step_y + plan->span_y;
    if (plan->padded) copy_rows(t, plane, top, rows, ws->copy + copied);
    for (int y = gy; y < end; y++) {
      long in = plan->padded ? copied + (long)(y - gy) * p->step_y * plan->copy_w * pixel
                             : ((plane * p->h + (long)y * p->step_y + p->first_y) * p->w + p->first_x) * pixel - base;
      long out = plane * p->out_n + y * p->out_y;
      if (plan->k == 0) in = 0;
      for (int x = 0; x < p->gw; x++, count++) {
        ws->in[count] = (int32_t)(in + (plan->k ? x * p->step_x * pixel : 0));
        ws->out[count] = out + x * p->out_x;
      }
    }
    if (plan->padded) copied += (long)rows * plan->copy_w * pixel;
    row += end - gy;
  }
  for (int extra = 0; extra < TILE_MAX; extra++) { /* short tiles repeat the last pixel */
    ws->in[count + extra] = ws->in[count - 1];
    ws->out[count + extra] = ws->out[count - 1];
  }
  return plan->padded ? ws->copy : t->x + base;
}

static void multiply(void *arg, int thread, int threads) {
  const product_task *t = arg;
  const window_product *p = t->p;
  const product_plan *plan = &t->plan;
  workspace ws = workspace_of(t, thread);
  long row0 = 0, row1 = (long)p->n * p->gh, panel0 = 0, panel1 = plan->panels;
  if (plan->by_panels) share(plan->panels, 1, thread, threads, &panel0, &panel1);
  else share(row1, 1, thread, threads, &row0, &row1);
  if (row0 >= row1 || panel0 >= panel1) return;
  list_pieces(t, &ws);
  for (long from = row0; from < row1; from += plan->unit_rows) {
    long to = from + plan->unit_rows < row1 ? from + plan->unit_rows : row1, pixels = (to - from) * p->gw;
    const float *x = prepare_unit(t, &ws, from, to);
    for (int block = 0; block < plan->k_blocks; block++) {
      for (long panel = panel0; panel < panel1; panel++) {
        int o = (int)panel * PANEL, valid = p->oc - o < PANEL ? p->oc - o : PANEL;
        tile_job job = {
            .pieces = ws.pieces + ws.first_piece[block],
            .count = ws.first_piece[block + 1] - ws.first_piece[block],
            .weights = t->packed + packed_at(t, block, (int)panel),
            .first = block == 0,
            .last = block == plan->k_blocks - 1,
            .bias = t->e.bias ? t->e.bias + o : NULL,
            .residual = t->e.residual ? t->e.residual + o : NULL,
            .relu = t->e.relu,
            .relu_max = t->e.relu_max,
            .tail = (valid - 1) % V + 1,
        };
        if (valid > V) {
          for (long i = 0; i < pixels; i += TILE_M2) tile_two(&job, x, ws.in + i, t->y + o, ws.out + i);
        } else {
          for (long i = 0; i < pixels; i += TILE_M1) tile_one(&job, x, ws.in + i, t->y + o, ws.out + i);
        }
      }
    }
  }
}

void ES_FN(product_pack)(const window_product *product, weight_view weights, float *packed, es_pool *pool) {
  product_task t = {.p = product, .plan = plan_product(product, es_pool_threads(pool)), .w = weights, .packed = packed};
  es_pool_run(pool, pack_weights, &t);
}

void ES_FN(product_run)(const window_product *product, const float *x, weight_view weights, es_epilogue epilogue, float *y,
                        void *scratch, es_pool *pool) {
  char *own = scratch;
  const float *packed = weights.origin;
  if (!product->packed) {
    ES_FN(product_pack)(product, weights, scratch, pool);
    packed = scratch;
    own += ES_FN(product_packed)(product);
  }
  product_task t = {product, plan_product(product, es_pool_threads(pool)), x, weights, epilogue, y, (float *)packed, own};
  es_pool_run(pool, multiply, &t);
}
