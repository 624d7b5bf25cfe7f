/* GFLOP/s of the native kernels on the layers of the benchmark nets, one thread, and their share of what multiply-adds reach in registers.
 *   node src/engine/native/build.mjs --out build/bench bench/native-kernels.c && build/bench/native-kernels [FILTER [ISA]]
 * Times are the thread's own, the best of many; the peak is measured beside each case, since neighbours share the core. */
#define _GNU_SOURCE
#include "kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static float *values(size_t count) {
  float *p;
  if (posix_memalign((void **)&p, 64, sizeof(float) * count + 64)) abort();
  for (size_t i = 0; i < count; i++) p[i] = (float)(rand() % 2001 - 1000) / 1000;
  return p;
}

static double top; /* GFLOP/s */

#if defined(__x86_64__)
/* Twelve independent chains of 256-bit multiply-adds: what a core can do at most below AVX-512. */
static void measure_peak(void) {
  double start = now();
  for (int k = 0; k < 100000; k++) {
    __asm__ volatile(
        "vfmadd231ps %%ymm12, %%ymm13, %%ymm0\n\tvfmadd231ps %%ymm12, %%ymm13, %%ymm1\n\tvfmadd231ps %%ymm12, %%ymm13, %%ymm2\n\t"
        "vfmadd231ps %%ymm12, %%ymm13, %%ymm3\n\tvfmadd231ps %%ymm12, %%ymm13, %%ymm4\n\tvfmadd231ps %%ymm12, %%ymm13, %%ymm5\n\t"
        "vfmadd231ps %%ymm12, %%ymm13, %%ymm6\n\tvfmadd231ps %%ymm12, %%ymm13, %%ymm7\n\tvfmadd231ps %%ymm12, %%ymm13, %%ymm8\n\t"
        "vfmadd231ps %%ymm12, %%ymm13, %%ymm9\n\tvfmadd231ps %%ymm12, %%ymm13, %%ymm10\n\tvfmadd231ps %%ymm12, %%ymm13, %%ymm11" ::
            : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11");
  }
  double rate = 12e5 * 16 / (now() - start) * 1e-9;
  if (rate > top) top = rate;
}
#else
static void measure_peak(void) { top = 1; }
#endif

static es_pool *pool;

typedef struct {
  const char *net;
  int n, c, size, oc, k, stride, depthwise;
} layer;

/* M1 to M4 (bench:train's nets), layers that weigh, and pruned widths. */
static const layer LAYERS[] = {
    {"M1 stem", 64, 3, 32, 16, 3, 1, 0},    {"M1 16", 64, 16, 32, 16, 3, 1, 0},     {"M1 16-32 /2", 64, 16, 32, 32, 3, 2, 0},
    {"M1 32", 64, 32, 16, 32, 3, 1, 0},     {"M1 32-64 /2", 64, 32, 16, 64, 3, 2, 0}, {"M1 64", 64, 64, 8, 64, 3, 1, 0},
    {"M1 pruned 11", 64, 11, 32, 11, 3, 1, 0}, {"M1 pruned 23", 64, 23, 16, 23, 3, 1, 0}, {"M1 pruned 45", 64, 45, 8, 45, 3, 1, 0},
    {"M2 stem", 32, 3, 96, 32, 3, 2, 0},    {"M2 dw 32", 32, 32, 48, 32, 3, 1, 1},  {"M2 pw 32-64", 32, 32, 48, 64, 1, 1, 0},
    {"M2 dw 64 /2", 32, 64, 48, 64, 3, 2, 1}, {"M2 pw 64-128", 32, 64, 24, 128, 1, 1, 0}, {"M2 dw 128", 32, 128, 24, 128, 3, 1, 1},
    {"M2 pw 128-128", 32, 128, 24, 128, 1, 1, 0}, {"M2 dw 256", 32, 256, 12, 256, 3, 1, 1}, {"M2 pw 256-256", 32, 256, 12, 256, 1, 1, 0},
    {"M2 pw 512-512", 32, 512, 6, 512, 1, 1, 0}, {"M2 dw 45", 32, 45, 24, 45, 3, 1, 1}, {"M2 pw 45-91", 32, 45, 24, 91, 1, 1, 0},
    {"M3 64", 8, 64, 56, 64, 3, 1, 0},      {"M4 stem", 16, 3, 112, 64, 7, 2, 0},   {"M4 64", 16, 64, 28, 64, 3, 1, 0},
    {"M4 64-128 /2", 16, 64, 28, 128, 3, 2, 0}, {"M4 pw 64-128 /2", 16, 64, 28, 128, 1, 2, 0}, {"M4 128", 16, 128, 14, 128, 3, 1, 0},
    {"V2 dw 32", 8, 32, 112, 32, 3, 1, 1},  {"V2 dw 96 /2", 8, 96, 112, 96, 3, 2, 1}, {"V2 dw 144", 8, 144, 56, 144, 3, 1, 1},
    {"V2 dw 192 /2", 8, 192, 28, 192, 3, 2, 1}, {"V2 dw 384", 8, 384, 14, 384, 3, 1, 1}, {"V2 dw 960", 8, 960, 7, 960, 3, 1, 1},
    {"V3 dw 72 /2 5", 8, 72, 56, 72, 5, 2, 1}, {"V3 dw 120 5", 8, 120, 28, 120, 5, 1, 1}, {"dw 96 7", 8, 96, 28, 96, 7, 1, 1},
    {"M4 256", 16, 256, 7, 256, 3, 1, 0},   {"M4 512", 16, 512, 4, 512, 3, 1, 0},
};

static double best_of(void (*body)(void *), void *arg) {
  double best = 1e9, total = 0;
  top = 0;
  for (int turn = 0; turn < 400 && (turn < 3 || total < 0.8); turn++) {
    if (turn % 8 == 0) measure_peak();
    double start = now();
    body(arg);
    double seconds = now() - start;
    total += seconds;
    if (seconds < best) best = seconds;
  }
  return best;
}

typedef struct {
  es_conv_shape s;
  float *x, *w, *y, *out;
  void *scratch;
} conv_case;
static void forward(void *arg) {
  conv_case *c = arg;
  es_conv_forward(&c->s, c->x, c->w, (es_epilogue){0}, c->y, c->scratch, pool);
}
static void input_grad(void *arg) {
  conv_case *c = arg;
  es_conv_input_grad(&c->s, c->y, c->w, (es_epilogue){0}, c->out, c->scratch, pool);
}
static void filter_grad(void *arg) {
  conv_case *c = arg;
  es_conv_filter_grad(&c->s, c->x, c->y, c->out, c->scratch, pool);
}

static void conv(const layer *l) {
  es_conv_shape s = {.n = l->n, .h = l->size, .w = l->size, .c = l->c, .oc = l->oc, .kh = l->k, .kw = l->k, .sh = l->stride, .sw = l->stride,
                     .dh = 1, .dw = 1, .pt = l->k / 2, .pl = l->k / 2, .groups = l->depthwise ? l->c : 1};
  s.oh = s.ow = (l->size + 2 * (l->k / 2) - l->k) / l->stride + 1;
  size_t nx = (size_t)s.n * s.h * s.w * s.c, ny = (size_t)s.n * s.oh * s.ow * s.oc, nw = (size_t)s.oc * (s.c / s.groups) * s.kh * s.kw;
  size_t scratch = es_conv_forward_scratch(&s, 1), other = es_conv_input_grad_scratch(&s, 1), third = es_conv_filter_grad_scratch(&s, 1);
  scratch = scratch > other ? scratch : other;
  scratch = scratch > third ? scratch : third;
  conv_case c = {s, values(nx), values(nw), values(ny), values(nx > nw ? nx : nw), values(scratch / 4)};
  double flops = 2.0 * (double)ny * (double)(s.c / s.groups) * s.kh * s.kw;
  void (*const bodies[])(void *) = {forward, input_grad, filter_grad};
  printf("%-18s n %2d %3dx%-3d %3d-%-3d k%d s%d ", l->net, l->n, l->size, l->size, l->c, l->oc, l->k, l->stride);
  for (int b = 0; b < 3; b++) {
    double seconds = best_of(bodies[b], &c), rate = flops / seconds * 1e-9;
    printf(" %8.3f ms %5.1f of %5.1f %3.0f%% |", seconds * 1e3, rate, top, 100 * rate / top);
    fflush(stdout);
  }
  printf("\n");
  free(c.x), free(c.w), free(c.y), free(c.out), free(c.scratch);
}

typedef struct {
  es_bn_shape s;
  float *x, *y, *dy, *dx, *small[6];
  void *scratch;
} norm_case;
static void norm_forward(void *arg) {
  norm_case *c = arg;
  es_bn_train_forward(&c->s, c->x, c->small[0], c->small[1], NULL, c->y, c->small[2], c->small[3], c->scratch, pool);
}
static void norm_backward(void *arg) {
  norm_case *c = arg;
  es_bn_train_backward(&c->s, c->dy, c->y, c->x, c->small[0], c->small[2], c->small[3], c->dx, NULL, c->small[4], c->small[5], c->scratch, pool);
}

/* Batch norm with ReLU: GB/s of what a kernel must move at least (forward: x and y; backward: dy, y, x and dx). */
static void norm(long rows, int c) {
  size_t count = (size_t)rows * (size_t)c;
  norm_case k = {{rows, c, 1e-5f, 1, 0}, values(count), values(count), values(count), values(count), {0}, NULL};
  for (int i = 0; i < 6; i++) k.small[i] = values((size_t)c);
  size_t a = es_bn_train_forward_scratch(&k.s, 1), b = es_bn_train_backward_scratch(&k.s, 1);
  k.scratch = values((a > b ? a : b) / 4);
  double f = best_of(norm_forward, &k), g = best_of(norm_backward, &k), bytes = 4.0 * (double)count;
  printf("batch norm %7ld x %-4d  forward %7.3f ms %5.1f GB/s   backward %7.3f ms %5.1f GB/s\n", rows, c, f * 1e3, 2 * bytes / f * 1e-9, g * 1e3,
         4 * bytes / g * 1e-9);
  free(k.x), free(k.y), free(k.dy), free(k.dx), free(k.scratch);
  for (int i = 0; i < 6; i++) free(k.small[i]);
}

typedef struct {
  es_gemm_shape s;
  float *a, *b, *c;
  void *scratch;
} gemm_case;
static void multiply(void *arg) {
  gemm_case *g = arg;
  es_gemm(&g->s, g->a, g->b, (es_epilogue){0}, g->c, g->scratch, pool);
}
static void gemm(int m, int n, int k, int ta, int tb) {
  gemm_case g = {{m, n, k, ta, tb, ta ? m : k, tb ? k : n, n}, values((size_t)m * k), values((size_t)n * k), values((size_t)m * n), NULL};
  g.scratch = values(es_gemm_scratch(&g.s, 1) / 4);
  double seconds = best_of(multiply, &g), rate = 2.0 * m * n * k / seconds * 1e-9;
  printf("gemm %4dx%4dx%4d ta %d tb %d  %8.3f ms %6.1f GF/s %3.0f%%\n", m, n, k, ta, tb, seconds * 1e3, rate, 100 * rate / top);
  free(g.a), free(g.b), free(g.c), free(g.scratch);
}

typedef struct {
  int n, c, pixels;
  const float *x;
  float *y;
} layout_case;
static void to_nhwc(void *arg) {
  layout_case *l = arg;
  es_nchw_to_nhwc(l->n, l->c, l->pixels, l->x, l->y, pool);
}
static void to_nchw(void *arg) {
  layout_case *l = arg;
  es_nhwc_to_nchw(l->n, l->c, l->pixels, l->x, l->y, pool);
}
static void plain_copy(void *arg) {
  layout_case *l = arg;
  memcpy(l->y, l->x, sizeof(float) * (size_t)l->n * (size_t)l->c * (size_t)l->pixels);
}

/* Changes of layout, beside a copy: GB/s read and written. */
static void layout(int n, int c, int pixels) {
  size_t count = (size_t)n * (size_t)c * (size_t)pixels;
  layout_case l = {n, c, pixels, values(count), values(count)};
  void (*const bodies[])(void *) = {to_nhwc, to_nchw, plain_copy};
  static const char *const names[] = {"to NHWC", "to NCHW", "memcpy"};
  printf("layout n %2d %4d x %-5d  ", n, c, pixels);
  for (int b = 0; b < 3; b++) {
    double seconds = best_of(bodies[b], &l);
    printf(" %s %7.3f ms %5.1f GB/s |", names[b], seconds * 1e3, 8 * (double)count / seconds * 1e-9);
  }
  printf("\n");
  free((float *)l.x), free(l.y);
}

typedef struct {
  es_pool_shape s;
  float *x, *y, *dy, *dx;
} pool_case;
static void max_forward(void *arg) {
  pool_case *p = arg;
  es_max_pool_forward(&p->s, p->x, p->y, pool);
}
static void max_backward(void *arg) {
  pool_case *p = arg;
  es_max_pool_backward(&p->s, p->x, p->y, p->dy, p->dx, pool);
}
static void avg_forward(void *arg) {
  pool_case *p = arg;
  es_avg_pool_forward(&p->s, p->x, p->y, pool);
}
static void avg_backward(void *arg) {
  pool_case *p = arg;
  es_avg_pool_backward(&p->s, p->dy, p->dx, pool);
}

/* Pools: GB/s of what must move at least (forward: x and y; backward: dy and dx, and x and y for a maximum). */
static void pools(int n, int c, int side, int size, int stride, int pad) {
  es_pool_shape s = {.n = n, .h = side, .w = side, .c = c, .kh = size, .kw = size, .sh = stride, .sw = stride, .dh = 1, .dw = 1,
                     .pt = pad, .pl = pad, .pb = pad, .pr = pad};
  s.oh = s.ow = (side + 2 * pad - size) / stride + 1;
  size_t nx = (size_t)n * side * side * c, ny = (size_t)n * s.oh * s.ow * c;
  pool_case p = {s, values(nx), values(ny), values(ny), values(nx)};
  es_max_pool_forward(&s, p.x, p.y, pool);
  void (*const bodies[])(void *) = {max_backward, max_forward, avg_forward, avg_backward};
  static const char *const names[] = {"max back", "max", "avg", "avg back"};
  printf("pool n %2d %3dx%-3d %4d k%d s%d ", n, side, side, c, size, stride);
  for (int b = 0; b < 4; b++) {
    double seconds = best_of(bodies[b], &p);
    printf(" %s %7.3f ms %5.1f GB/s |", names[b], seconds * 1e3, (b ? 4 : 8) * (double)(nx + ny) / seconds * 1e-9);
  }
  printf("\n");
  free(p.x), free(p.y), free(p.dy), free(p.dx);
}

int main(int argc, char **argv) {
  const char *filter = argc > 1 ? argv[1] : "";
  if (argc > 2 && !es_select_isa(argv[2])) return 1;
  pool = es_pool_create(1);
  measure_peak();
  printf("%s, peak of 256-bit multiply-adds %.1f GFLOP/s a core; forward | input gradient | filter gradient\n", es_isa(), top);
  for (size_t i = 0; i < sizeof LAYERS / sizeof LAYERS[0]; i++) {
    if (strstr(LAYERS[i].net, filter)) conv(&LAYERS[i]);
  }
  if (!*filter || strstr("norm", filter)) {
    norm(64 * 32 * 32, 16), norm(64 * 8 * 8, 64), norm(64 * 16 * 16, 23), norm(32 * 48 * 48, 32), norm(16 * 28 * 28, 64), norm(16 * 16, 512);
  }
  if (!*filter || strstr("gemm", filter)) {
    gemm(512, 512, 512, 0, 0), gemm(512, 512, 512, 0, 1), gemm(512, 512, 512, 1, 0), gemm(64, 10, 64, 0, 1), gemm(16, 1000, 512, 0, 1);
  }
  if (!*filter || strstr("layout", filter)) {
    layout(64, 3, 32 * 32), layout(16, 3, 112 * 112), layout(32, 3, 96 * 96), layout(8, 64, 56 * 56), layout(64, 16, 32 * 32);
    layout(16, 512, 49), layout(32, 45, 24 * 24), layout(64, 10, 32 * 32), layout(8, 144, 56 * 56);
  }
  if (!*filter || strstr("pool", filter)) {
    pools(16, 64, 56, 3, 2, 1), pools(8, 64, 56, 2, 2, 0), pools(32, 16, 32, 2, 2, 0), pools(8, 192, 28, 3, 1, 1), pools(32, 45, 24, 2, 2, 0);
    pools(16, 512, 7, 7, 1, 0), pools(64, 64, 8, 8, 1, 0);
  }
  es_pool_destroy(pool);
  return 0;
}
