/* Filter gradients: dw[o][tap, channel] = sum over pixels of dy[pixel][o] · x[pixel + tap][channel].
 *
 * A register tile holds 6 (tap, channel) rows × a panel of output channels and runs over the pixels of a chunk: it reads dy as vectors and x as
 * 6 floats that lie side by side. For that x is packed in blocks of few channels, [block][row][column][channels of the block], where
 * neighbouring taps of a row are neighbours in memory: with 3 taps and blocks of 2 channels a tile is a whole kernel row, without waste.
 * dy is packed in panels. A chunk's panel of dy stays in the first cache while the tiles pass, x in the second. */
#include "depthwise.h"
#include "grad-tile.h"
#include "winograd.h"

#include <string.h>

enum {
  ROWS = GRAD_ROWS,
  PANEL = 2 * V,     /* output channels of a tile */
  CHUNK_PIXELS = 256 /* dy's panel: 16 KB on AVX2 */
};

/* Output rows a thread works on at a time: of one image, or of several whole ones. */
typedef struct {
  int cg, og;                   /* channels of a group */
  int block, blocks;            /* channels of a block, blocks */
  int merged;                   /* taps of a row are neighbours: dilation 1 */
  int row_tiles, tiles;         /* tiles of a kernel row of a block; of all blocks and rows */
  int panels;
  int width;                    /* columns of a packed row of x */
  int chunk_rows, chunk_x_rows; /* output rows of a chunk, packed rows of x that they need at most */
  int by_panels;                /* threads share the panels; else the rows, with sums of their own */
  size_t x_floats, dy_floats, sum_floats, thread_floats;
} grad_plan;

static int tiles_of_row(const es_conv_shape *s, int block) {
  return s->dw == 1 ? (s->kw * block + ROWS - 1) / ROWS : s->kw;
}

static grad_plan plan_grad(const es_conv_shape *s, int threads) {
  grad_plan g = {.cg = s->c / s->groups, .og = s->oc / s->groups, .merged = s->dw == 1};
  long fewest = 0;
  for (int block = 1; block <= ROWS && block <= g.cg; block++) {
    long tiles = (long)((g.cg + block - 1) / block) * tiles_of_row(s, block);
    if (fewest && tiles >= fewest) continue;
    fewest = tiles;
    g.block = block;
  }
  g.blocks = (g.cg + g.block - 1) / g.block;
  g.row_tiles = tiles_of_row(s, g.block);
  g.tiles = g.blocks * s->kh * g.row_tiles;
  g.panels = (g.og + PANEL - 1) / PANEL;
  g.width = (s->ow - 1) * s->sw + (s->kw - 1) * s->dw + 1;
  g.chunk_rows = CHUNK_PIXELS / s->ow;
  if (g.chunk_rows < 1) g.chunk_rows = 1;
  if (g.chunk_rows >= s->oh) g.chunk_rows = g.chunk_rows / s->oh * s->oh;
  long rows = (long)s->n * s->oh;
  if (g.chunk_rows > rows) g.chunk_rows = (int)rows;
  int images = g.chunk_rows > s->oh ? g.chunk_rows / s->oh : 1, image_rows = g.chunk_rows > s->oh ? s->oh : g.chunk_rows;
  g.chunk_x_rows = images * ((image_rows - 1) * s->sh + (s->kh - 1) * s->dh + 1);
  g.x_floats = lines((size_t)g.blocks * (size_t)g.chunk_x_rows * (size_t)g.width * (size_t)g.block + ROWS * 2);
  g.dy_floats = lines((size_t)g.chunk_rows * (size_t)s->ow * round_up((size_t)g.og, V));
  g.sum_floats = lines((size_t)g.tiles * ROWS * round_up((size_t)g.og, V));
  long x_size = (long)s->n * s->h * s->w * g.cg;
  g.by_panels = threads > 1 && g.panels >= threads && (g.panels % threads == 0 || g.panels >= 4 * threads) &&
                (rows < threads || (long)g.sum_floats > x_size);
  g.thread_floats = g.x_floats + g.dy_floats + lines((size_t)g.chunk_rows) + (g.by_panels ? 0 : g.sum_floats);
  return g;
}

static int is_depthwise(const es_conv_shape *s) { return s->groups == s->c && s->oc == s->c && s->groups > 1; }

size_t ES_FN(es_conv_filter_grad_scratch)(const es_conv_shape *shape, int threads) {
  if (is_depthwise(shape)) return ES_FN(depthwise_filter_grad_scratch)(shape, threads);
  int size = ES_FN(winograd_filter_grad_size)(shape, threads);
  if (size) return ES_FN(winograd_filter_grad_scratch)(shape, size, threads);
  grad_plan g = plan_grad(shape, threads);
  return sizeof(float) * (g.thread_floats * (size_t)threads + (g.by_panels ? g.sum_floats : 0));
}

typedef struct {
  const es_conv_shape *s;
  grad_plan g;
  const float *x, *dy; /* of the group */
  float *dw, *scratch;
} grad_task;

/* Copies `count` pixels of `block` channels (of which `valid` exist), `step` floats apart, side by side. */
static inline __attribute__((always_inline)) void copy_block(const float *from, long step, int count, int block, int valid, float *to) {
  for (int i = 0; i < count; i++, from += step, to += block) {
    for (int c = 0; c < block; c++) to[c] = c < valid ? from[c] : 0;
  }
}

static void copy_channels(const float *from, long step, int count, int block, int valid, float *to) {
  if (valid < block) copy_block(from, step, count, block, valid, to);
  else if (block == 1) copy_block(from, step, count, 1, 1, to);
  else if (block == 2) copy_block(from, step, count, 2, 2, to);
  else if (block == 3) copy_block(from, step, count, 3, 3, to);
  else if (block == 6) copy_block(from, step, count, 6, 6, to);
  else copy_block(from, step, count, block, block, to);
}

/* Packs the input rows that output rows [from, to) read; row_at: where each output row's first tap lies in a block. */
static void pack_x(const grad_task *t, long from, long to, float *packed, int32_t *row_at) {
  const es_conv_shape *s = t->s;
  const grad_plan *g = &t->g;
  const long row_floats = (long)g->width * g->block, block_floats = row_floats * g->chunk_x_rows;
  int left = s->pl, x0 = left > 0 ? left : 0, x1 = left + s->w < g->width ? left + s->w : g->width;
  if (x0 > g->width) x0 = g->width;
  if (x1 < x0) x1 = x0;
  int packed_rows = 0;
  for (long row = from; row < to;) {
    long n = row / s->oh;
    int oy = (int)(row % s->oh), end = oy + (to - row) < s->oh ? oy + (int)(to - row) : s->oh;
    for (int y = oy; y < end; y++) row_at[row - from + y - oy] = (int32_t)((packed_rows + (y - oy) * s->sh) * row_floats);
    int count = (end - 1 - oy) * s->sh + (s->kh - 1) * s->dh + 1;
    for (int r = 0; r < count; r++, packed_rows++) {
      int iy = oy * s->sh - s->pt + r, inside = iy >= 0 && iy < s->h;
      for (int b = 0; b < g->blocks; b++) {
        float *to_row = packed + b * block_floats + packed_rows * row_floats;
        int first = inside ? x0 : g->width, last = inside ? x1 : g->width;
        memset(to_row, 0, sizeof(float) * (size_t)(first * g->block));
        if (last > first) {
          int valid = g->cg - b * g->block < g->block ? g->cg - b * g->block : g->block;
          const float *pixel = t->x + ((n * s->h + iy) * s->w + first - left) * s->c + b * g->block;
          copy_channels(pixel, s->c, last - first, g->block, valid, to_row + first * g->block);
        }
        memset(to_row + last * g->block, 0, sizeof(float) * (size_t)((g->width - last) * g->block));
      }
    }
    row += end - oy;
  }
}

/* dy's pixels of a panel side by side; channels past the last are 0. */
static void pack_dy(const grad_task *t, long from, long to, int panel, float *packed) {
  const es_conv_shape *s = t->s;
  int o = panel * PANEL, valid = t->g.og - o < PANEL ? t->g.og - o : PANEL;
  const float *pixel = t->dy + from * s->ow * s->oc + o;
  for (long i = (to - from) * s->ow; i > 0; i--, pixel += s->oc) {
    if (valid == PANEL) {
      v_store(packed, v_load(pixel)), v_store(packed + V, v_load(pixel + V));
      packed += PANEL;
    } else if (valid > V) {
      v_store(packed, v_load(pixel)), v_store(packed + V, v_load_part(pixel + V, valid - V));
      packed += PANEL;
    } else {
      v_store(packed, v_load_part(pixel, valid));
      packed += V;
    }
  }
}

/* Where tile `index` of a block-major list reads, from a pixel's first tap. */
static long tile_offset(const grad_task *t, int index) {
  const grad_plan *g = &t->g;
  int part = index % g->row_tiles, ky = index / g->row_tiles % t->s->kh, block = index / g->row_tiles / t->s->kh;
  long within = g->merged ? part * ROWS : (long)part * t->s->dw * g->block;
  return (((long)block * g->chunk_x_rows + ky * t->s->dh) * g->width) * g->block + within;
}

static void panel_tiles(const grad_task *t, const tile_walk *walk, const float *x, const float *dy, int panel, float *sums) {
  const int narrow = t->g.og - panel * PANEL <= V, width = narrow ? V : PANEL, together = narrow ? 2 : WIDE_GROUPS;
  for (int tile = 0; tile < t->g.tiles; tile += together) {
    int groups = t->g.tiles - tile < together ? 1 : together;
    const float *at[2] = {x + tile_offset(t, tile), groups > 1 ? x + tile_offset(t, tile + 1) : NULL};
    float *to = sums + (long)tile * ROWS * width;
    if (narrow) (groups > 1 ? tile_2x1 : tile_1x1)(walk, at, dy, to);
    else (groups > 1 ? tile_2x2 : tile_1x2)(walk, at, dy, to);
  }
}

static float *shared_sums(const grad_task *t, int threads) { return t->scratch + t->g.thread_floats * (size_t)threads; }

static float *own_sums(const grad_task *t, int thread) {
  return t->scratch + t->g.thread_floats * (size_t)(thread + 1) - t->g.sum_floats;
}

static void accumulate(void *arg, int thread, int threads) {
  const grad_task *t = arg;
  const es_conv_shape *s = t->s;
  const grad_plan *g = &t->g;
  float *x = t->scratch + g->thread_floats * (size_t)thread, *dy = x + g->x_floats;
  int32_t *row_at = (int32_t *)(dy + g->dy_floats);
  float *sums = g->by_panels ? shared_sums(t, threads) : own_sums(t, thread);
  long row0 = 0, row1 = (long)s->n * s->oh, panel0 = 0, panel1 = g->panels;
  if (g->by_panels) share(g->panels, 1, thread, threads, &panel0, &panel1);
  else share(row1, 1, thread, threads, &row0, &row1);
  if (row0 == row1 && !g->by_panels) memset(sums, 0, sizeof(float) * g->sum_floats);
  for (long from = row0; from < row1;) {
    /* No chunk has parts of two images, so that its packed rows are as planned. */
    long to = from + g->chunk_rows, end = (from / s->oh + 1) * s->oh;
    if (from % s->oh != 0 || g->chunk_rows < s->oh) to = to < end ? to : end;
    if (to > row1) to = row1 / s->oh * s->oh > from && g->chunk_rows > s->oh ? row1 / s->oh * s->oh : row1;
    pack_x(t, from, to, x, row_at);
    tile_walk walk = {row_at, (int)(to - from), s->ow, (long)s->sw * g->block, from == row0};
    for (long panel = panel0; panel < panel1; panel++) {
      pack_dy(t, from, to, (int)panel, dy);
      panel_tiles(t, &walk, x, dy, (int)panel, sums + (long)g->tiles * ROWS * panel * PANEL);
    }
    from = to;
  }
}

/* Adds the threads' sums in their order and writes them as OIHW. */
static void write_weights(void *arg, int thread, int threads) {
  const grad_task *t = arg;
  const es_conv_shape *s = t->s;
  const grad_plan *g = &t->g;
  const int parts = g->by_panels ? 1 : threads, kernel = s->kh * s->kw;
  const long stride = (long)g->thread_floats;
  const float *sums = g->by_panels ? shared_sums(t, threads) : own_sums(t, 0);
  long from, to;
  share((long)g->panels * g->blocks, 1, thread, threads, &from, &to);
  for (long unit = from; unit < to; unit++) {
    int panel = (int)(unit / g->blocks), block = (int)(unit % g->blocks), o0 = panel * PANEL;
    int outputs = g->og - o0 < PANEL ? g->og - o0 : PANEL, width = outputs <= V ? V : PANEL;
    int c0 = block * g->block, channels = g->cg - c0 < g->block ? g->cg - c0 : g->block;
    const float *tiles = sums + (long)g->tiles * ROWS * o0 + (long)block * s->kh * g->row_tiles * ROWS * width;
    for (int o = 0; o < outputs; o++) {
      float *out = t->dw + ((long)(o0 + o) * g->cg + c0) * kernel;
      for (int c = 0; c < channels; c++) {
        for (int ky = 0; ky < s->kh; ky++) {
          for (int kx = 0; kx < s->kw; kx++) {
            int row = g->merged ? kx * g->block + c : kx * ROWS + c;
            const float *sum = tiles + ((long)ky * g->row_tiles * ROWS + row) * width + o;
            float total = sum[0];
            for (int part = 1; part < parts; part++) total += sum[part * stride];
            *out++ = total;
          }
        }
      }
    }
  }
}

void ES_FN(es_conv_filter_grad)(const es_conv_shape *shape, const float *x, const float *dy, float *dw, void *scratch,
                                es_pool *pool) {
  if (is_depthwise(shape)) {
    ES_FN(depthwise_filter_grad)(shape, x, dy, dw, scratch, pool);
    return;
  }
  int size = ES_FN(winograd_filter_grad_size)(shape, es_pool_threads(pool));
  if (size) {
    ES_FN(winograd_filter_grad)(shape, size, x, dy, dw, scratch, pool);
    return;
  }
  grad_task t = {shape, plan_grad(shape, es_pool_threads(pool)), x, dy, dw, scratch};
  for (int group = 0; group < shape->groups; group++) {
    es_pool_run(pool, accumulate, &t);
    es_pool_run(pool, write_weights, &t);
    t.x += t.g.cg;
    t.dy += t.g.og;
    t.dw += (long)t.g.og * t.g.cg * shape->kh * shape->kw;
  }
}
