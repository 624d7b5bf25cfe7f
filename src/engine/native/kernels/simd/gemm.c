/* Matrix products: a window product of one tap, whose pixels are A's rows. */
#include "product.h"

static window_product gemm_product(const es_gemm_shape *s) {
  return (window_product){
      .n = 1, .h = s->m, .w = 1, .c = s->k, .pixel = s->ta ? s->k : s->lda, .gh = s->m, .gw = 1, .out_y = s->ldc,
      .step_y = 1, .step_x = 1, .taps_y = 1, .taps_x = 1, .gap_y = 1, .gap_x = 1, .oc = s->n,
  };
}

static size_t transposed_floats(const es_gemm_shape *s) { return s->ta ? lines((size_t)s->m * (size_t)s->k) : 0; }

size_t ES_FN(es_gemm_scratch)(const es_gemm_shape *shape, int threads) {
  window_product p = gemm_product(shape);
  return sizeof(float) * transposed_floats(shape) + ES_FN(product_scratch)(&p, threads);
}

typedef struct {
  const es_gemm_shape *s;
  const float *a;
  float *to;
} transpose_task;

/* A [k, m] with rows of lda -> [m, k], by bands of rows that a cache line covers. */
static void transpose_a(void *arg, int thread, int threads) {
  const transpose_task *t = arg;
  const long m = t->s->m, k = t->s->k, lda = t->s->lda;
  long from, to;
  share(m, 16, thread, threads, &from, &to);
  for (long band = from; band < to; band += 16) {
    long end = band + 16 < to ? band + 16 : to;
    for (long p = 0; p < k; p++) {
      for (long i = band; i < end; i++) t->to[i * k + p] = t->a[p * lda + i];
    }
  }
}

void ES_FN(es_gemm)(const es_gemm_shape *shape, const float *a, const float *b, es_epilogue epilogue, float *c, void *scratch,
                    es_pool *pool) {
  window_product p = gemm_product(shape);
  float *transposed = scratch;
  if (shape->ta) {
    transpose_task t = {shape, a, transposed};
    es_pool_run(pool, transpose_a, &t);
    a = transposed;
  }
  weight_view view = {b, 0, 0, shape->tb ? 1 : shape->ldb, shape->tb ? shape->ldb : 1};
  ES_FN(product_run)(&p, a, view, epilogue, c, transposed + transposed_floats(shape), pool);
}
