/* Tiles over the planes of a Winograd convolution. */
#ifndef ES_WINOGRAD_TILES_H
#define ES_WINOGRAD_TILES_H

#include "winograd-transforms.h"

#include <string.h>

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

typedef struct {
  const float *x;
  int h, w;
  long pixel; /* floats from a pixel to the next */
} plane_view;

/* Where a tile's pixels lie: in the plane, or in a copy of it with zeros for what is outside. */
typedef struct {
  const float *corner;
  long row, pixel; /* floats from one to the next */
} tile_view;

/* The size × size pixels from (top, left) of c channels; `copy` has room for them. */
static inline tile_view view_tile(const plane_view *view, long plane, int top, int left, int size, int c, float *copy) {
  const float *x = view->x + ((plane * view->h + top) * view->w + left) * view->pixel;
  if (top >= 0 && left >= 0 && top + size <= view->h && left + size <= view->w) return (tile_view){x, view->w * view->pixel, view->pixel};
  for (int i = 0; i < size; i++) {
    for (int j = 0; j < size; j++) {
      float *to = copy + (long)(i * size + j) * c;
      int inside = top + i >= 0 && top + i < view->h && left + j >= 0 && left + j < view->w;
      if (inside) memcpy(to, x + ((long)i * view->w + j) * view->pixel, sizeof(float) * (size_t)c);
      else memset(to, 0, sizeof(float) * (size_t)c);
    }
  }
  return (tile_view){copy, (long)size * c, c};
}

/* Transforms all channels of a tile's `from` × `from` pixels to n × n values, `value` floats apart, from dst on. */
WINOGRAD_INLINE void transform_tile(transform_1d step, int n, int from, tile_view tile, int c, float *dst, long value) {
  int i = 0;
  for (; i + V <= c; i += V) transform_2d(step, n, from, n, tile.corner + i, tile.row, tile.pixel, V, dst + i, n * value, value);
  if (i < c) transform_2d(step, n, from, n, tile.corner + i, tile.row, tile.pixel, c - i, dst + i, n * value, value);
}

#endif
