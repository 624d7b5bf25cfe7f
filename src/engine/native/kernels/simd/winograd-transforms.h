/* Winograd's transforms for 3×3 kernels, one dimension at a time: tiles of m outputs from n = m + 2 inputs by n products instead of 3m.
 *
 * F(4, 3) is Cook-Toom's over the points 0, ±3/4, ±3/2 and ∞. The usual 0, ±1, ±2 cost twice the rounding: over random tensors of 32 to 256
 * channels the error of these is 1.8 to 2.8 times that of a direct convolution in float32, and 4 to 6 times with the usual points (Barabasz, Anderson,
 * Soodhalter, Gregg: "Error Analysis and Improving the Accuracy of Winograd Convolution for Deep Neural Networks", 2020). F(2, 3) over 0, ±1 and ∞ rounds no
 * more than a direct convolution. */
#ifndef ES_WINOGRAD_TRANSFORMS_H
#define ES_WINOGRAD_TRANSFORMS_H

#include "simd.h"

enum { WINOGRAD_MOST = 6 };

#define WP 0.75f
#define WQ 1.5f
#define WP2 (WP * WP)
#define WQ2 (WQ * WQ)
#define W_N0 (WP2 * WQ2)
#define W_NP (2 * WP2 * (WP2 - WQ2))
#define W_NQ (2 * WQ2 * (WQ2 - WP2))

/* Bᵀd: n of n. */
ES_INLINE void input_1d(int n, const vf *d, vf *out) {
  if (n == 4) {
    out[0] = d[0] - d[2];
    out[1] = d[1] + d[2];
    out[2] = d[2] - d[1];
    out[3] = d[3] - d[1];
    return;
  }
  vf e = d[4] - WQ2 * d[2], o = WP * (d[3] - WQ2 * d[1]);
  vf f = d[4] - WP2 * d[2], g = WQ * (d[3] - WP2 * d[1]);
  out[0] = d[4] + (W_N0 * d[0] - (WP2 + WQ2) * d[2]);
  out[1] = e + o;
  out[2] = e - o;
  out[3] = f + g;
  out[4] = f - g;
  out[5] = d[5] + (W_N0 * d[1] - (WP2 + WQ2) * d[3]);
}

/* Gg: n of 3. */
ES_INLINE void filter_1d(int n, const vf *g, vf *out) {
  if (n == 4) {
    vf e = 0.5f * (g[0] + g[2]), o = 0.5f * g[1];
    out[0] = g[0];
    out[1] = e + o;
    out[2] = e - o;
    out[3] = g[2];
    return;
  }
  vf e = (1 / W_NP) * g[0] + (WP2 / W_NP) * g[2], o = (WP / W_NP) * g[1];
  vf f = (1 / W_NQ) * g[0] + (WQ2 / W_NQ) * g[2], h = (WQ / W_NQ) * g[1];
  out[0] = (1 / W_N0) * g[0];
  out[1] = e + o;
  out[2] = e - o;
  out[3] = f + h;
  out[4] = f - h;
  out[5] = g[2];
}

/* Aᵀm: n - 2 of n. */
ES_INLINE void output_1d(int n, const vf *m, vf *out) {
  vf s = m[1] + m[2], d = m[1] - m[2];
  if (n == 4) {
    out[0] = m[0] + s;
    out[1] = d + m[3];
    return;
  }
  vf t = m[3] + m[4], u = m[3] - m[4];
  out[0] = m[0] + s + t;
  out[1] = WP * d + WQ * u;
  out[2] = WP2 * s + WQ2 * t;
  out[3] = (WP2 * WP) * d + (WQ2 * WQ) * u + m[5];
}

/* Ay: n of n - 2, the transpose of output_1d. */
ES_INLINE void gradient_1d(int n, const vf *y, vf *out) {
  if (n == 4) {
    out[0] = y[0];
    out[1] = y[0] + y[1];
    out[2] = y[0] - y[1];
    out[3] = y[1];
    return;
  }
  vf e = y[0] + WP2 * y[2], o = WP * y[1] + (WP2 * WP) * y[3];
  vf f = y[0] + WQ2 * y[2], g = WQ * y[1] + (WQ2 * WQ) * y[3];
  out[0] = y[0];
  out[1] = e + o;
  out[2] = e - o;
  out[3] = f + g;
  out[4] = f - g;
  out[5] = y[3];
}

/* Gᵀu: 3 of n, the transpose of filter_1d. */
ES_INLINE void filter_gradient_1d(int n, const vf *u, vf *out) {
  vf s = u[1] + u[2], d = u[1] - u[2];
  if (n == 4) {
    out[0] = u[0] + 0.5f * s;
    out[1] = 0.5f * d;
    out[2] = 0.5f * s + u[3];
    return;
  }
  vf t = u[3] + u[4], v = u[3] - u[4];
  out[0] = (1 / W_N0) * u[0] + (1 / W_NP) * s + (1 / W_NQ) * t;
  out[1] = (WP / W_NP) * d + (WQ / W_NQ) * v;
  out[2] = (WP2 / W_NP) * s + (WQ2 / W_NQ) * t + u[5];
}

typedef void (*transform_1d)(int n, const vf *in, vf *out);

/* The rows [top, bottom) and columns [left, right) of a table that are there; the others count as zeros. */
typedef struct {
  int top, bottom, left, right;
} table_part;

/* One of the above along both dimensions, for the first `count` channels of a vector: from × from values at src (all of them, or `part`) become to × to
 * at dst, which lie the given floats apart. A column's values stay in registers; the table between the two passes stays in the first cache. */
ES_INLINE void transform_2d(transform_1d step, int n, int from, int to, const float *src, long src_row, long src_column, const table_part *part,
                                  int count, float *dst, long dst_row, long dst_column) {
  __attribute__((aligned(64))) vf between[WINOGRAD_MOST * WINOGRAD_MOST];
#pragma GCC unroll 1
  for (int j = 0; j < from; j++, src += src_column) {
    vf column[WINOGRAD_MOST], result[WINOGRAD_MOST];
    if (part && (j < part->left || j >= part->right)) {
#pragma GCC unroll 6
      for (int i = 0; i < to; i++) between[i * WINOGRAD_MOST + j] = v_zero();
      continue;
    }
#pragma GCC unroll 6
    for (int i = 0; i < from; i++) {
      const float *at = src + i * src_row;
      if (part && (i < part->top || i >= part->bottom)) column[i] = v_zero();
      else column[i] = v_load_first(at, count);
    }
    step(n, column, result);
#pragma GCC unroll 6
    for (int i = 0; i < to; i++) between[i * WINOGRAD_MOST + j] = result[i];
  }
#pragma GCC unroll 1
  for (int i = 0; i < to; i++, dst += dst_row) {
    vf result[WINOGRAD_MOST];
    step(n, between + i * WINOGRAD_MOST, result);
#pragma GCC unroll 6
    for (int j = 0; j < to; j++) v_store(dst + j * dst_column, result[j]);
  }
}

#endif
