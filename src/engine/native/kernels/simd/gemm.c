/* Matrix products. */
#include "simd.h"

typedef struct {
  const es_gemm_shape *s;
  const float *a, *b;
  es_epilogue e;
  float *c;
} gemm_task;

static void product(void *arg, int thread, int threads) {
  const gemm_task *t = arg;
  const es_gemm_shape *s = t->s;
  long from, to;
  share(s->m, 1, thread, threads, &from, &to);
  for (long i = from; i < to; i++) {
    for (long j = 0; j < s->n; j++) {
      float sum = 0;
      for (long p = 0; p < s->k; p++) {
        sum += t->a[s->ta ? p * s->lda + i : i * s->lda + p] * t->b[s->tb ? j * s->ldb + p : p * s->ldb + j];
      }
      if (t->e.bias) sum += t->e.bias[j];
      if (t->e.residual) sum += t->e.residual[i * s->ldc + j];
      t->c[i * s->ldc + j] = activate(sum, t->e.relu, t->e.relu_max);
    }
  }
}

size_t ES_FN(es_gemm_scratch)(const es_gemm_shape *shape, int threads) {
  (void)shape, (void)threads;
  return 0;
}

void ES_FN(es_gemm)(const es_gemm_shape *shape, const float *a, const float *b, es_epilogue epilogue, float *c, void *scratch,
                    es_pool *pool) {
  (void)scratch;
  gemm_task t = {shape, a, b, epilogue, c};
  es_pool_run(pool, product, &t);
}
