/* Compares every kernel with plain loops in double over random shapes, for 1 to 3 threads, and each result with a second run's bits.
 *   kernels-check SEED CASES [ISA]: prints one line a family, or the first shape that differs, and exits 1. */
#include "kernels.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state;
static uint32_t next(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 33);
}
static int pick(int low, int high) { return low + (int)(next() % (uint32_t)(high - low + 1)); }
static float unit(void) { return (float)pick(-10000, 10000) / 10000; }

static void *get(size_t bytes, size_t alignment) {
  void *p = NULL;
  if (posix_memalign(&p, alignment < sizeof(void *) ? sizeof(void *) : alignment, bytes + 4)) abort();
  return p;
}
static float *values(long count) {
  float *p = get(sizeof(float) * (size_t)count, 4);
  for (long i = 0; i < count; i++) p[i] = unit();
  return p;
}
static float *copy(const float *x, long count) {
  if (!x) return NULL;
  float *p = get(sizeof(float) * (size_t)count, 4);
  memcpy(p, x, sizeof(float) * (size_t)count);
  return p;
}

static char label[512];
static es_pool *pools[4];
static double worst; /* the largest error of the family, as a share of its tolerance */

/* |got - want| <= tolerance · magnitude, where magnitude[i] is the sum of the absolute terms (or NULL: 1). */
static void expect(const char *what, const float *got, const double *want, const double *magnitude, long count, double tolerance) {
  for (long i = 0; i < count; i++) {
    double allowed = tolerance * (magnitude ? magnitude[i] : 1) + 1e-30, error = fabs(got[i] - want[i]) / allowed;
    if (error > worst) worst = error;
    if (error <= 1) continue;
    printf("%s: %s[%ld] is %g, expected %g\n", label, what, i, got[i], want[i]);
    exit(1);
  }
}
static void same_bits(const char *what, const float *a, const float *b, long count) {
  if (memcmp(a, b, sizeof(float) * (size_t)count) == 0) return;
  printf("%s: %s differs between two runs\n", label, what);
  exit(1);
}

typedef enum { FORWARD, INPUT_GRAD, FILTER_GRAD } direction;
static const char *const DIRECTIONS[] = {"forward", "input_grad", "filter_grad"};

static es_conv_shape random_conv(void) {
  static const int widths[] = {1, 2, 3, 4, 5, 7, 8, 11, 15, 16, 17, 23, 24, 31, 32, 33, 45, 48, 64, 70};
  es_conv_shape s = {.n = pick(1, 5), .kh = pick(1, 4), .kw = pick(1, 4), .sh = pick(1, 3), .sw = pick(1, 3), .groups = 1, .precise = pick(0, 1)};
  if (pick(0, 2)) s.kw = s.kh = pick(0, 2) ? 3 : 1;
  if (pick(0, 1)) s.sw = s.sh = pick(1, 2);
  if (pick(0, 9) == 0) s.kw = s.kh = pick(5, 7);
  s.dh = pick(0, 3) ? 1 : pick(1, 3);
  s.dw = pick(0, 3) ? 1 : pick(1, 3);
  s.c = widths[next() % 20];
  s.oc = widths[next() % 20];
  if (pick(0, 3) == 0) {
    s.groups = pick(1, 40); /* depthwise, with a multiplier at times */
    s.c = s.groups;
    s.oc = s.groups * (pick(0, 2) ? 1 : pick(1, 3));
  } else if (pick(0, 4) == 0) {
    s.groups = pick(2, 4);
    s.c = s.groups * pick(1, 9);
    s.oc = s.groups * pick(1, 20);
  }
  int pb = 0, pr = 0;
  do {
    s.h = pick(1, pick(0, 1) ? 9 : 21);
    s.w = pick(1, pick(0, 1) ? 9 : 21);
    s.pt = pick(0, (s.kh - 1) * s.dh);
    s.pl = pick(0, (s.kw - 1) * s.dw);
    pb = pick(0, 1) ? s.pt : pick(0, (s.kh - 1) * s.dh);
    pr = pick(0, 1) ? s.pl : pick(0, (s.kw - 1) * s.dw);
    s.oh = s.h + s.pt + pb - (s.kh - 1) * s.dh - 1;
    s.ow = s.w + s.pl + pr - (s.kw - 1) * s.dw - 1;
  } while (s.oh < 0 || s.ow < 0);
  s.oh = s.oh / s.sh + 1;
  s.ow = s.ow / s.sw + 1;
  return s;
}

/* Visits every (input, weight, output) triple of a convolution. */
#define EACH_TERM(s, body)                                                                                        \
  for (int n = 0; n < s.n; n++)                                                                                   \
    for (int oy = 0; oy < s.oh; oy++)                                                                             \
      for (int ky = 0; ky < s.kh; ky++) {                                                                         \
        int iy = oy * s.sh - s.pt + ky * s.dh;                                                                    \
        if (iy < 0 || iy >= s.h) continue;                                                                        \
        for (int ox = 0; ox < s.ow; ox++)                                                                         \
          for (int kx = 0; kx < s.kw; kx++) {                                                                     \
            int ix = ox * s.sw - s.pl + kx * s.dw;                                                                \
            if (ix < 0 || ix >= s.w) continue;                                                                    \
            for (int o = 0; o < s.oc; o++)                                                                        \
              for (int i = 0; i < s.c / s.groups; i++) {                                                          \
                long xi = (((long)n * s.h + iy) * s.w + ix) * s.c + o / (s.oc / s.groups) * (s.c / s.groups) + i; \
                long wi = (((long)o * (s.c / s.groups) + i) * s.kh + ky) * s.kw + kx;                             \
                long yi = (((long)n * s.oh + oy) * s.ow + ox) * s.oc + o;                                         \
                body;                                                                                             \
              }                                                                                                   \
          }                                                                                                       \
      }

static double act(double v, es_epilogue e) {
  if (e.relu && v < 0) v = 0;
  return e.relu && e.relu_max > 0 && v > e.relu_max ? e.relu_max : v;
}

static void finish(double *want, double *magnitude, long count, int channels, es_epilogue e) {
  for (long i = 0; i < count; i++) {
    double bias = e.bias ? e.bias[i % channels] : 0, residual = e.residual ? e.residual[i] : 0;
    want[i] = act(want[i] + bias + residual, e);
    magnitude[i] += fabs(bias) + fabs(residual) + 1e-3;
  }
}

/* Raises what is below the mean to it. */
static void level(double *magnitude, long count) {
  double mean = 0;
  for (long i = 0; i < count; i++) mean += magnitude[i] / (double)count;
  for (long i = 0; i < count; i++) magnitude[i] = fmax(magnitude[i], mean);
}

static void run_conv(direction d, const es_conv_shape *s, const float *a, const float *b, es_epilogue e, float *out, int threads) {
  size_t bytes = d == FORWARD      ? es_conv_forward_scratch(s, threads)
                 : d == INPUT_GRAD ? es_conv_input_grad_scratch(s, threads)
                                   : es_conv_filter_grad_scratch(s, threads);
  void *scratch = get(bytes, 64);
  memset(scratch, 0xff, bytes); /* NaN: nothing may depend on what lay there */
  void *packed = get(es_conv_packed(s), 64);
  if (s->packed) es_conv_pack(s, b, packed, pools[threads]);
  if (s->packed) b = packed;
  if (d == FORWARD) es_conv_forward(s, a, b, e, out, scratch, pools[threads]);
  if (d == INPUT_GRAD) es_conv_input_grad(s, a, b, e, out, scratch, pools[threads]);
  if (d == FILTER_GRAD) es_conv_filter_grad(s, a, b, out, scratch, pools[threads]);
  free(scratch), free(packed);
}

static void check_conv(direction d) {
  es_conv_shape s = random_conv();
  s.packed = d == FORWARD && es_conv_packed(&s) > 0 && pick(0, 1);
  long nx = (long)s.n * s.h * s.w * s.c, ny = (long)s.n * s.oh * s.ow * s.oc, nw = (long)s.oc * (s.c / s.groups) * s.kh * s.kw;
  int threads = pick(1, 3), flags = pick(0, 15);
  float *x = values(nx), *w = values(nw), *dy = values(ny);
  long count = d == FORWARD ? ny : d == INPUT_GRAD ? nx : nw;
  int channels = d == FORWARD ? s.oc : s.c;
  float *bias = values(channels), *residual = values(count);
  es_epilogue e = {0};
  if (d != FILTER_GRAD) {
    if (flags & 1) e.bias = bias;
    if (flags & 2) e.residual = residual;
    e.relu = flags >> 2 & 1;
    e.relu_max = flags & 8 ? 0.75f : 0;
  }
  int written = snprintf(label, sizeof label,
                         "conv %s n %d in %dx%dx%d out %dx%dx%d kernel %dx%d stride %dx%d dilation %dx%d pads %d %d groups %d packed %d",
                         DIRECTIONS[d], s.n, s.h, s.w, s.c, s.oh, s.ow, s.oc, s.kh, s.kw, s.sh, s.sw, s.dh, s.dw, s.pt, s.pl, s.groups, s.packed);
  snprintf(label + written, sizeof label - (size_t)written, " threads %d flags %d", threads, flags);

  double *want = calloc((size_t)count, sizeof *want), *magnitude = calloc((size_t)count, sizeof *magnitude);
  EACH_TERM(s, {
    double term = d == FORWARD ? (double)x[xi] * w[wi] : d == INPUT_GRAD ? (double)dy[yi] * w[wi] : (double)x[xi] * dy[yi];
    long at = d == FORWARD ? yi : d == INPUT_GRAD ? xi : wi;
    want[at] += term;
    magnitude[at] += fabs(term);
  });
  finish(want, magnitude, count, channels, e);
  /* Winograd's method spreads the rounding of a tile over its outputs, also to those at the border that sum few terms. */
  if (s.kh == 3 && s.kw == 3 && s.sh == 1 && s.sw == 1 && s.groups == 1) level(magnitude, count);

  const float *a = d == INPUT_GRAD ? dy : x, *b = d == FILTER_GRAD ? dy : w;
  float *first = values(count), *second = values(count);
  run_conv(d, &s, a, b, e, first, threads);
  expect("value", first, want, magnitude, count, 2e-6);
  if (e.residual) memcpy(second, residual, sizeof(float) * (size_t)count); /* and in place, with the same bits */
  if (e.residual) e.residual = second;
  run_conv(d, &s, a, b, e, second, threads);
  same_bits("value", first, second, count);
  free(x), free(w), free(dy), free(bias), free(residual), free(want), free(magnitude), free(first), free(second);
}
static void check_forward(void) { check_conv(FORWARD); }
static void check_input_grad(void) { check_conv(INPUT_GRAD); }
static void check_filter_grad(void) { check_conv(FILTER_GRAD); }

static void check_gemm(void) {
  es_gemm_shape s = {.m = pick(1, 70), .n = pick(1, 70), .k = pick(1, pick(0, 1) ? 40 : 700), .ta = pick(0, 1), .tb = pick(0, 1)};
  s.lda = (s.ta ? s.m : s.k) + pick(0, 3);
  s.ldb = (s.tb ? s.k : s.n) + pick(0, 3);
  s.ldc = s.n + pick(0, 3);
  int threads = pick(1, 3), flags = pick(0, 7);
  snprintf(label, sizeof label, "gemm %dx%dx%d ta %d tb %d threads %d flags %d", s.m, s.n, s.k, s.ta, s.tb, threads, flags);
  float *a = values((long)(s.ta ? s.k : s.m) * s.lda), *b = values((long)(s.tb ? s.n : s.k) * s.ldb);
  long count = (long)s.m * s.ldc;
  float *bias = values(s.n), *residual = values(count), *got = values(count), *again = copy(got, count), *before = copy(got, count);
  es_epilogue e = {flags & 1 ? bias : NULL, flags & 2 ? residual : NULL, flags >> 2 & 1, 0};
  double *want = calloc((size_t)count, sizeof *want), *magnitude = calloc((size_t)count, sizeof *magnitude);
  for (long i = 0; i < s.m; i++)
    for (long j = 0; j < s.ldc; j++) {
      long at = i * s.ldc + j;
      want[at] = before[at];
      magnitude[at] = 1e-9;
      if (j >= s.n) continue;
      want[at] = 0;
      for (long p = 0; p < s.k; p++) {
        double term = (double)a[s.ta ? p * s.lda + i : i * s.lda + p] * b[s.tb ? j * s.ldb + p : p * s.ldb + j];
        want[at] += term;
        magnitude[at] += fabs(term);
      }
      double b_j = e.bias ? e.bias[j] : 0, r_ij = e.residual ? e.residual[at] : 0;
      want[at] = act(want[at] + b_j + r_ij, e);
      magnitude[at] += fabs(b_j) + fabs(r_ij) + 1e-3;
    }
  for (int turn = 0; turn < 2; turn++) {
    void *scratch = get(es_gemm_scratch(&s, threads), 64);
    es_gemm(&s, a, b, e, turn ? again : got, scratch, pools[threads]);
    free(scratch);
  }
  expect("value", got, want, magnitude, count, 2e-6);
  same_bits("value", got, again, count);
  free(a), free(b), free(bias), free(residual), free(got), free(again), free(before), free(want), free(magnitude);
}

static void check_batch_norm(void) {
  es_bn_shape s = {.rows = pick(1, pick(0, 1) ? 12 : 900), .c = pick(1, pick(0, 1) ? 20 : 80), .epsilon = 1e-3f, .relu = pick(0, 1)};
  s.relu_max = pick(0, 1) ? 0.8f : 0;
  int threads = pick(1, 3), residual = pick(0, 1), in_place = pick(0, 2);
  snprintf(label, sizeof label, "batch norm %ldx%d relu %d max %g residual %d in place %d threads %d", s.rows, s.c, s.relu, s.relu_max, residual,
           in_place, threads);
  long count = s.rows * s.c;
  es_epilogue e = {.relu = s.relu, .relu_max = s.relu_max};
  float *x = values(count), *r = values(count), *dy = values(count), *scale = values(s.c), *shift = values(s.c);
  for (long i = 0; i < count; i++) x[i] += 3;
  float *y[2], *mean[2], *variance[2], *dx[2], *dr[2], *dscale[2], *dshift[2], *affine[2], *sums[2];
  for (int turn = 0; turn < 2; turn++) {
    mean[turn] = values(s.c), variance[turn] = values(s.c), dscale[turn] = values(s.c), dshift[turn] = values(s.c), sums[turn] = values(s.c);
    affine[turn] = values(count), dx[turn] = values(count), dr[turn] = values(count);
    /* The second turn works in place where it may. */
    y[turn] = turn && in_place == 1 ? copy(x, count) : turn && in_place == 2 ? copy(r, count) : values(count);
    const float *xs = turn && in_place == 1 ? y[turn] : x, *rs = !residual ? NULL : turn && in_place == 2 ? y[turn] : r;
    void *scratch = get(es_bn_train_forward_scratch(&s, threads), 64);
    es_bn_train_forward(&s, xs, scale, shift, rs, y[turn], mean[turn], variance[turn], scratch, pools[threads]);
    free(scratch);
    if (turn && in_place == 1) memcpy(dx[1], dy, sizeof(float) * (size_t)count);
    if (turn && in_place == 2) memcpy(dr[1], dy, sizeof(float) * (size_t)count);
    const float *g = turn && in_place == 1 ? dx[1] : turn && in_place == 2 && residual ? dr[1] : dy;
    scratch = get(es_bn_train_backward_scratch(&s, threads), 64);
    es_bn_train_backward(&s, g, s.relu ? y[turn] : NULL, x, scale, mean[turn], variance[turn], dx[turn], residual ? dr[turn] : NULL,
                         dscale[turn], dshift[turn], scratch, pools[threads]);
    free(scratch);
    es_scale_shift(&s, x, scale, shift, residual ? r : NULL, affine[turn], pools[threads]);
    scratch = get(es_column_sums_scratch(s.rows, s.c, threads), 64);
    es_column_sums(s.rows, s.c, x, sums[turn], scratch, pools[threads]);
    free(scratch);
  }
  double *want_y = calloc((size_t)count, 8), *want_dx = calloc((size_t)count, 8), *want_dr = calloc((size_t)count, 8), *want_a = calloc((size_t)count, 8);
  double *want_m = calloc((size_t)s.c, 8), *want_v = calloc((size_t)s.c, 8), *want_ds = calloc((size_t)s.c, 8), *want_db = calloc((size_t)s.c, 8);
  double *large = calloc((size_t)count, 8), *many = calloc((size_t)s.c, 8), *want_s = calloc((size_t)s.c, 8);
  for (int c = 0; c < s.c; c++) {
    double rows = (double)s.rows;
    for (long i = c; i < count; i += s.c) want_s[c] += x[i];
    want_m[c] = want_s[c] / rows;
    for (long i = c; i < count; i += s.c) want_v[c] += (x[i] - want_m[c]) * (x[i] - want_m[c]) / rows;
    double inverse = 1 / sqrt(want_v[c] + s.epsilon);
    for (long i = c; i < count; i += s.c) {
      want_y[i] = act((x[i] - want_m[c]) * inverse * scale[c] + shift[c] + (residual ? r[i] : 0), e);
      want_a[i] = act((double)x[i] * scale[c] + shift[c] + (residual ? r[i] : 0), e);
      /* The mask is the kernel's own: at the kink float and double may choose differently. */
      double g = s.relu && !(y[0][i] > 0 && !(s.relu_max > 0 && y[0][i] >= s.relu_max)) ? 0 : dy[i];
      want_dr[i] = g;
      want_db[c] += g;
      want_ds[c] += g * (x[i] - want_m[c]) * inverse;
    }
    for (long i = c; i < count; i += s.c) {
      want_dx[i] = scale[c] * inverse * (want_dr[i] - want_db[c] / rows - (x[i] - want_m[c]) * inverse * want_ds[c] / rows);
      large[i] = 1 + inverse * inverse;
    }
    many[c] = rows + inverse * sqrt(rows);
  }
  expect("mean", mean[0], want_m, NULL, s.c, 2e-6);
  expect("variance", variance[0], want_v, NULL, s.c, 2e-6);
  expect("y", y[0], want_y, large, count, 5e-6);
  expect("dx", dx[0], want_dx, large, count, 2e-5);
  if (residual) expect("dresidual", dr[0], want_dr, NULL, count, 0);
  expect("dscale", dscale[0], want_ds, many, s.c, 2e-6);
  expect("dshift", dshift[0], want_db, many, s.c, 5e-7);
  expect("scale and shift", affine[0], want_a, NULL, count, 2e-6);
  expect("column sums", sums[0], want_s, many, s.c, 2e-6);
  float **pairs[] = {y, mean, variance, dx, dr, dscale, dshift, affine, sums};
  for (int p = 0; p < 9; p++) {
    long length = pairs[p] == y || pairs[p] == dx || pairs[p] == affine || (pairs[p] == dr && residual) ? count : pairs[p] == dr ? 0 : s.c;
    same_bits("a result", pairs[p][0], pairs[p][1], length);
    free(pairs[p][0]), free(pairs[p][1]);
  }
  free(x), free(r), free(dy), free(scale), free(shift), free(want_y), free(want_dx), free(want_dr), free(want_a), free(want_m);
  free(want_v), free(want_ds), free(want_db), free(large), free(many), free(want_s);
}

static void check_pool(void) {
  es_conv_shape c = random_conv();
  int pb = pick(0, (c.kh - 1) * c.dh), pr = pick(0, (c.kw - 1) * c.dw), threads = pick(1, 3), count_pad = pick(0, 1);
  es_pool_shape s = {c.n, c.h, c.w, c.c, 0, 0, c.kh, c.kw, c.sh, c.sw, c.dh, c.dw, c.pt, c.pl, pb, pr, count_pad};
  int high = s.h + s.pt + pb - (s.kh - 1) * s.dh - 1, wide = s.w + s.pl + pr - (s.kw - 1) * s.dw - 1, ceil_mode = pick(0, 1);
  if (high < 0 || wide < 0) return;
  s.oh = (ceil_mode ? (high + s.sh - 1) / s.sh : high / s.sh) + 1;
  s.ow = (ceil_mode ? (wide + s.sw - 1) / s.sw : wide / s.sw) + 1;
  snprintf(label, sizeof label, "pool n %d in %dx%dx%d out %dx%d kernel %dx%d stride %dx%d dilation %dx%d pads %d %d %d %d threads %d", s.n, s.h, s.w,
           s.c, s.oh, s.ow, s.kh, s.kw, s.sh, s.sw, s.dh, s.dw, s.pt, s.pl, pb, pr, threads);
  long nx = (long)s.n * s.h * s.w * s.c, ny = (long)s.n * s.oh * s.ow * s.c;
  float *x = values(nx), *dy = values(ny), *max = values(ny), *avg = values(ny), *max_dx = values(nx), *avg_dx = values(nx);
  for (long i = 0; i < nx; i++) x[i] = (float)pick(-3, 3); /* many equals */
  double *want_max = calloc((size_t)ny, 8), *want_avg = calloc((size_t)ny, 8), *want_mdx = calloc((size_t)nx, 8), *want_adx = calloc((size_t)nx, 8);
  for (int n = 0; n < s.n; n++)
    for (int oy = 0; oy < s.oh; oy++)
      for (int ox = 0; ox < s.ow; ox++)
        for (int i = 0; i < s.c; i++) {
          long at = (((long)n * s.oh + oy) * s.ow + ox) * s.c + i, largest = -1, cells = 0;
          for (int pass = 0; pass < 2; pass++)
            for (int ky = 0; ky < s.kh; ky++)
              for (int kx = 0; kx < s.kw; kx++) {
                int iy = oy * s.sh - s.pt + ky * s.dh, ix = ox * s.sw - s.pl + kx * s.dw;
                int inside = iy >= 0 && iy < s.h && ix >= 0 && ix < s.w;
                long p = (((long)n * s.h + iy) * s.w + ix) * s.c + i;
                if (!pass && (count_pad ? iy < s.h + pb && ix < s.w + pr : inside)) cells++;
                if (!inside) continue;
                if (!pass && (largest < 0 || x[p] > x[largest])) largest = p;
                if (!pass) want_avg[at] += x[p];
                if (pass) want_adx[p] += (double)dy[at] / (double)cells;
              }
          want_max[at] = largest < 0 ? -(double)INFINITY : x[largest];
          if (largest >= 0) want_mdx[largest] += dy[at];
          want_avg[at] /= (double)cells;
        }
  /* A window may lie in the padding alone when it is dilated: its maximum is -inf, its average 0/0; both are left out. */
  es_max_pool_forward(&s, x, max, pools[threads]);
  es_max_pool_backward(&s, x, max, dy, max_dx, pools[threads]);
  es_avg_pool_forward(&s, x, avg, pools[threads]);
  es_avg_pool_backward(&s, dy, avg_dx, pools[threads]);
  for (long i = 0; i < ny; i++) {
    if (isinf(want_max[i])) want_max[i] = max[i] = 0;
    if (isnan(want_avg[i])) want_avg[i] = avg[i] = 0;
  }
  expect("max", max, want_max, NULL, ny, 0);
  expect("max's gradient", max_dx, want_mdx, NULL, nx, 1e-5);
  expect("average", avg, want_avg, NULL, ny, 1e-6 * 50);
  expect("average's gradient", avg_dx, want_adx, NULL, nx, 1e-5);
  free(x), free(dy), free(max), free(avg), free(max_dx), free(avg_dx), free(want_max), free(want_avg), free(want_mdx), free(want_adx);
}

static void check_layout(void) {
  int n = pick(1, 4), c = pick(1, 70), pixels = pick(1, 90), threads = pick(1, 3);
  snprintf(label, sizeof label, "layout %dx%dx%d threads %d", n, c, pixels, threads);
  long count = (long)n * c * pixels;
  float *x = values(count), *y = values(count), *back = values(count), *mean = values((long)n * c), *spread = values(count);
  es_nchw_to_nhwc(n, c, pixels, x, y, pools[threads]);
  es_nhwc_to_nchw(n, c, pixels, y, back, pools[threads]);
  same_bits("there and back", x, back, count);
  es_global_avg_pool_forward(n, pixels, c, y, mean, pools[threads]);
  es_global_avg_pool_backward(n, pixels, c, mean, spread, pools[threads]);
  double *want = calloc((size_t)(n * c), 8), *want_spread = calloc((size_t)count, 8), *want_y = calloc((size_t)count, 8);
  for (long i = 0; i < count; i++) {
    want[i / pixels] += (double)x[i] / pixels;
    want_y[(i / pixels / c * pixels + i % pixels) * c + i / pixels % c] = x[i];
  }
  for (long i = 0; i < count; i++) want_spread[i] = want[i / pixels / c * c + i % c] / pixels;
  expect("nhwc", y, want_y, NULL, count, 0);
  expect("global average", mean, want, NULL, (long)n * c, 1e-5);
  expect("its gradient", spread, want_spread, NULL, count, 1e-5);
  free(x), free(y), free(back), free(mean), free(spread), free(want), free(want_spread), free(want_y);
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    void (*check)(void);
  } families[] = {{"conv forward", check_forward}, {"conv input_grad", check_input_grad}, {"conv filter_grad", check_filter_grad},
                  {"gemm", check_gemm},            {"batch norm", check_batch_norm},      {"pools", check_pool},
                  {"layout", check_layout}};
  uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 1;
  int cases = argc > 2 ? atoi(argv[2]) : 200;
  if (argc > 3 && !es_select_isa(argv[3])) {
    printf("skipped: this processor or build has no %s\n", argv[3]);
    return 0;
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (int threads = 1; threads <= 3; threads++) pools[threads] = es_pool_create(threads);
  for (size_t f = 0; f < sizeof families / sizeof families[0]; f++) {
    worst = 0;
    for (int c = 0; c < cases; c++) {
      state = seed * 1000003 + f * 7919 + (uint64_t)c;
      for (int warm = 0; warm < 4; warm++) next();
      families[f].check();
    }
    printf("%s: %d cases on %s, largest error %.2f of what is allowed\n", families[f].name, cases, es_isa(), worst);
  }
  for (int threads = 1; threads <= 3; threads++) es_pool_destroy(pools[threads]);
  return 0;
}
