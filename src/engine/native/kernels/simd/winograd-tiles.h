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

typedef struct {
  const float *x;
  int h, w;
  long pixel; /* floats from a pixel to the next */
} plane_view;

/* size × size pixels from (top, left), zeros outside the plane, channels [c, c + count). */
WINOGRAD_INLINE void load_tile(const plane_view *view, long plane, int top, int left, int size, int c, int count, vf *d) {
  const float *x = view->x + plane * view->h * view->w * view->pixel + c;
  const int h = view->h, w = view->w;
  const long pixel = view->pixel;
  if (count == V && top >= 0 && left >= 0 && top + size <= h && left + size <= w) {
    const float *corner = x + ((long)top * w + left) * pixel;
    for (int i = 0; i < size; i++) {
      for (int j = 0; j < size; j++) d[i * size + j] = v_load(corner + ((long)i * w + j) * pixel);
    }
    return;
  }
  for (int i = 0; i < size; i++) {
    for (int j = 0; j < size; j++) {
      int iy = top + i, ix = left + j, inside = iy >= 0 && iy < h && ix >= 0 && ix < w;
      d[i * size + j] = inside ? v_load_part(x + ((long)iy * w + ix) * pixel, count) : v_zero();
    }
  }
}

#endif
