/* The product under every convolution and gemm: y[pixel][o] = act(sum over k of x[pixel's row][k] · w[k][o] + bias + residual), where a pixel's row
 * is gathered from the taps of a window. */
#ifndef ES_PRODUCT_H
#define ES_PRODUCT_H

#include "simd.h"

/* A window sliding over planes. Output (row gy, column gx) reads, for tap (i, j), input row gy·step_y + first_y + i·gap_y, and columns likewise; what
 * lies outside is 0. Numbers of floats are distances in memory. */
typedef struct {
  int n, h, w;                    /* input planes */
  int c;                          /* channels read of a pixel */
  long pixel;                     /* floats from one input pixel to the next, ≥ c */
  int gh, gw;                     /* outputs of a plane */
  long out_n, out_y, out_x;       /* floats between outputs of two planes, rows, columns */
  int step_y, step_x;
  int taps_y, taps_x;
  int first_y, first_x, gap_y, gap_x;
  int oc;                         /* outputs of a pixel */
  int precise, packed;            /* see es_conv_shape */
} window_product;

/* Where w[tap (i, j)][channel][o] lies: origin + i·tap_y + j·tap_x + channel·in + o·out. Packed ones lie from origin on. */
typedef struct {
  const float *origin;
  long tap_y, tap_x, in, out;
} weight_view;

size_t ES_FN(product_scratch)(const window_product *product, int threads);
size_t ES_FN(product_packed)(const window_product *product); /* bytes */
void ES_FN(product_pack)(const window_product *product, weight_view weights, float *packed, es_pool *pool);
/* Not within a task: it runs its own. */
void ES_FN(product_run)(const window_product *product, const float *x, weight_view weights, es_epilogue epilogue, float *y,
                        void *scratch, es_pool *pool);

#endif
