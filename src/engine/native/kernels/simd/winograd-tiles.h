/* Tiles over the planes of a Winograd convolution. */
#ifndef ES_WINOGRAD_TILES_H
#define ES_WINOGRAD_TILES_H

#include "winograd-transforms.h"

/* Tiles of m × m outputs that cover a plane. */
typedef struct {
  int m, rows, columns;
} tile_grid;

static inline tile_grid grid_of(int high, int wide, int m) { return (tile_grid){m, (high + m - 1) / m, (wide + m - 1) / m}; }

typedef struct {
  long plane;
  int row, column; /* of the tile's first output */
} tile_place;

static inline tile_place place_of(const tile_grid *grid, long tile) {
  return (tile_place){tile / grid->rows / grid->columns, (int)(tile / grid->columns % grid->rows) * grid->m, (int)(tile % grid->columns) * grid->m};
}

/* To the place of the next tile. */
static inline void pass_tile(const tile_grid *grid, tile_place *at) {
  at->column += grid->m;
  if (at->column < grid->columns * grid->m) return;
  at->column = 0;
  at->row += grid->m;
  if (at->row < grid->rows * grid->m) return;
  at->row = 0;
  at->plane++;
}

typedef struct {
  const float *x;
  int h, w;
  long pixel; /* floats from a pixel to the next */
} plane_view;

/* The pixels of a tile, and which of them lie in the plane. */
typedef struct {
  const float *corner;
  long row, pixel; /* floats from one to the next */
  int whole;
  table_part part;
} tile_view;

static inline int clamp(int value, int most) { return value < 0 ? 0 : value > most ? most : value; }

/* The size × size pixels from (top, left). */
static inline tile_view view_tile(const plane_view *view, long plane, int top, int left, int size) {
  tile_view tile = {view->x + ((plane * view->h + top) * view->w + left) * view->pixel, view->w * view->pixel, view->pixel, 1, {0, size, 0, size}};
  if (top >= 0 && left >= 0 && top + size <= view->h && left + size <= view->w) return tile;
  tile.whole = 0;
  tile.part = (table_part){clamp(-top, size), clamp(view->h - top, size), clamp(-left, size), clamp(view->w - left, size)};
  return tile;
}

/* Transforms c channels of a tile's `from` × `from` pixels to n × n values, `value` floats apart, from dst on. */
ES_INLINE void transform_tile(transform_1d step, int n, int from, const tile_view *tile, int c, float *dst, long value) {
  const tile_view own = *tile; /* stores of vectors may alias what is pointed to */
  int i = 0;
  if (own.whole) {
    for (; i + V <= c; i += V) transform_2d(step, n, from, n, own.corner + i, own.row, own.pixel, 0, V, dst + i, n * value, value);
  } else {
    for (; i + V <= c; i += V) transform_2d(step, n, from, n, own.corner + i, own.row, own.pixel, &own.part, V, dst + i, n * value, value);
  }
  if (i < c) transform_2d(step, n, from, n, own.corner + i, own.row, own.pixel, &own.part, c - i, dst + i, n * value, value);
}

#endif
