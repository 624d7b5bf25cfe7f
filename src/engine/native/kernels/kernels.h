/* Espalier's CPU kernels: float32, activations NHWC, weights as the IR has them. 1-D operators run as h = 1.
 *
 * - Every kernel takes a pool of threads and scratch memory of `<kernel>_scratch(…)` bytes, aligned to 64, whose content
 *   means nothing before and after. Tensors need only a float's alignment.
 * - Same shape, threads and machine: the same bits. Work is cut by shape and thread count alone, and sums of threads are
 *   added in thread order.
 * - Nothing fails: shapes are the caller's to check. Outputs must not overlap inputs, unless a kernel says that they may.
 *
 * Files in simd/ are compiled once for each instruction set; the names below are pointers to the best version that this
 * processor runs, set before main (dispatch.c). Inside simd/ (ES_LEVEL is defined) they are functions with a suffix. */
#ifndef ES_KERNELS_H
#define ES_KERNELS_H

#include "contract.h"

#include <stddef.h>

/* A fixed set of threads (threads.c). The caller is thread 0; the others spin briefly for work, then sleep. */
typedef struct es_pool es_pool;
es_pool *es_pool_create(int threads); /* NULL when the threads cannot be had */
void es_pool_destroy(es_pool *);
int es_pool_threads(const es_pool *);
/* Runs task(arg, thread, threads) on every thread and returns when all have. Not reentrant. */
void es_pool_run(es_pool *, void (*task)(void *arg, int thread, int threads), void *arg);

/* The instruction set in use ("avx512", "avx2", "sse2", "generic"), and the choice of another (tests, benchmarks; not while
 * kernels run): 0 if this build or processor does not have it. */
const char *es_isa(void);
int es_select_isa(const char *name);

/* Fields: contract.h. */
typedef struct {
  ES_CONV_FIELDS(ES_DECLARE_FIELD)
} es_conv_shape;

/* What follows a product before it is stored: y = act(product + bias[channel] + residual). Pointers may be NULL.
 * residual is laid out as y, and may be y itself (accumulation). */
typedef struct {
  const float *bias;
  const float *residual;
  int relu;       /* 1: max(·, 0) */
  float relu_max; /* with relu: an upper bound, 6 for ReLU6; 0: none */
} es_epilogue;

typedef struct {
  ES_GEMM_FIELDS(ES_DECLARE_FIELD)
} es_gemm_shape;

typedef struct {
  ES_POOL_FIELDS(ES_DECLARE_FIELD)
} es_pool_shape;

/* Batch normalization, and what follows it: y = act(bn(x) + residual). */
typedef struct {
  ES_BN_FIELDS(ES_DECLARE_FIELD)
  ES_ACTIVATION_FIELDS(ES_DECLARE_FIELD)
} es_bn_shape;

typedef struct es_map es_map;       /* map.h */
typedef struct es_reduce es_reduce; /* reduce.h */

#endif

#ifndef ES_KERNEL
#define ES_KERNEL_DEFAULT
#ifdef ES_LEVEL
#define ES_JOIN_(name, level) name##_##level
#define ES_JOIN(name, level) ES_JOIN_(name, level)
#define ES_FN(name) ES_JOIN(name, ES_LEVEL)
#define ES_KERNEL(result, name, ...) result ES_FN(name)(__VA_ARGS__)
#else
#define ES_KERNEL(result, name, ...) extern result (*name)(__VA_ARGS__)
#endif
#endif

/* y = act(conv(x, w) + bias + residual). */
ES_KERNEL(size_t, es_conv_forward_scratch, const es_conv_shape *shape, int threads);
ES_KERNEL(void, es_conv_forward, const es_conv_shape *shape, const float *x, const float *w, es_epilogue epilogue, float *y,
          void *scratch, es_pool *pool);

/* Weights that stay as they are between calls, packed once: bytes (0: not to be packed), and how. For forward passes of this very shape with
 * `packed` set, on this processor. */
ES_KERNEL(size_t, es_conv_packed, const es_conv_shape *shape);
ES_KERNEL(void, es_conv_pack, const es_conv_shape *shape, const float *w, void *packed, es_pool *pool);

/* dx [n, h, w, c] of dy [n, oh, ow, oc], through an epilogue over dx (bias of c channels). It is also the forward pass of a transposed
 * convolution whose weights [I, O/group, kh, kw] are this shape's [oc, c/groups, kh, kw]: its input is dy, its output dx; and
 * with epilogue.residual = dx it adds to a gradient that is already there. */
ES_KERNEL(size_t, es_conv_input_grad_scratch, const es_conv_shape *shape, int threads);
ES_KERNEL(void, es_conv_input_grad, const es_conv_shape *shape, const float *dy, const float *w, es_epilogue epilogue,
          float *dx, void *scratch, es_pool *pool);

/* dw [oc, c/groups, kh, kw] = sum over images and pixels. For a transposed convolution: x is its dy, dy its x. */
ES_KERNEL(size_t, es_conv_filter_grad_scratch, const es_conv_shape *shape, int threads);
ES_KERNEL(void, es_conv_filter_grad, const es_conv_shape *shape, const float *x, const float *dy, float *dw, void *scratch,
          es_pool *pool);

/* C = act(op(A)·op(B) + bias[n] + residual); residual has rows of ldc floats. */
ES_KERNEL(size_t, es_gemm_scratch, const es_gemm_shape *shape, int threads);
ES_KERNEL(void, es_gemm, const es_gemm_shape *shape, const float *a, const float *b, es_epilogue epilogue, float *c,
          void *scratch, es_pool *pool);

/* sums[c] = the sum of x [rows, c] over its rows: a bias's gradient. */
ES_KERNEL(size_t, es_column_sums_scratch, long rows, int c, int threads);
ES_KERNEL(void, es_column_sums, long rows, int c, const float *x, float *sums, void *scratch, es_pool *pool);

/* y = act(x·scale[c] + shift[c] + residual) over rows × c: batch normalization with known statistics. shift and residual may be NULL; y may
 * be x or the residual. The shape's epsilon isn't used. */
ES_KERNEL(void, es_scale_shift, const es_bn_shape *shape, const float *x, const float *scale, const float *shift,
          const float *residual, float *y, es_pool *pool);

/* Batch normalization with the batch's own statistics: y = act((x - mean)·scale/√(variance + ε) + shift + residual); mean and variance
 * (biased) [c] are outputs. residual may be NULL; y may be x or the residual. */
ES_KERNEL(size_t, es_bn_train_forward_scratch, const es_bn_shape *shape, int threads);
ES_KERNEL(void, es_bn_train_forward, const es_bn_shape *shape, const float *x, const float *scale, const float *shift,
          const float *residual, float *y, float *mean, float *variance, void *scratch, es_pool *pool);

/* Its gradient. g = dy where the activation let it through (shape.relu: 0 < y, and y < relu_max where that is set), else 0. dx, dscale
 * and dshift through the batch's mean and variance; dresidual = g, or NULL. y is read only with shape.relu. dx and dresidual may each be dy
 * (not both). */
ES_KERNEL(size_t, es_bn_train_backward_scratch, const es_bn_shape *shape, int threads);
ES_KERNEL(void, es_bn_train_backward, const es_bn_shape *shape, const float *dy, const float *y, const float *x,
          const float *scale, const float *mean, const float *variance, float *dx, float *dresidual, float *dscale,
          float *dshift, void *scratch, es_pool *pool);

/* Pools. Padding never wins a maximum; max's gradient goes to the first of equal maxima of a window (rows first). NaN wins. */
ES_KERNEL(void, es_max_pool_forward, const es_pool_shape *shape, const float *x, float *y, es_pool *pool);
ES_KERNEL(void, es_max_pool_backward, const es_pool_shape *shape, const float *x, const float *y, const float *dy, float *dx,
          es_pool *pool);
ES_KERNEL(void, es_avg_pool_forward, const es_pool_shape *shape, const float *x, float *y, es_pool *pool);
ES_KERNEL(void, es_avg_pool_backward, const es_pool_shape *shape, const float *dy, float *dx, es_pool *pool);
/* x [n, pixels, c] -> y [n, c] and back. */
ES_KERNEL(void, es_global_avg_pool_forward, int n, int pixels, int c, const float *x, float *y, es_pool *pool);
ES_KERNEL(void, es_global_avg_pool_backward, int n, int pixels, int c, const float *dy, float *dx, es_pool *pool);

/* [n, c, pixels] -> [n, pixels, c], and back. */
ES_KERNEL(void, es_nchw_to_nhwc, int n, int c, int pixels, const float *x, float *y, es_pool *pool);
ES_KERNEL(void, es_nhwc_to_nchw, int n, int c, int pixels, const float *x, float *y, es_pool *pool);

/* An elementwise program (map.h); a sum or maximum over some axes (reduce.h). */
ES_KERNEL(void, es_map_run, const es_map *map, es_pool *pool);
ES_KERNEL(void, es_reduce_run, const es_reduce *reduce, es_pool *pool);
/* Softmax (or its logarithm) over the middle of [outer, extent, inner]. */
ES_KERNEL(void, es_softmax, int64_t outer, int64_t extent, int64_t inner, int log, const float *x, float *y, es_pool *pool);

#ifdef ES_KERNEL_DEFAULT
#undef ES_KERNEL
#undef ES_KERNEL_DEFAULT
#endif
