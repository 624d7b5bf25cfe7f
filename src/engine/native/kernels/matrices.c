/* Products of matrices, norms and sums over the rows of one. */
#include "operators.h"

typedef struct {
  es_gemm_shape shape;
  ES_ACTIVATION_FIELDS(ES_DECLARE_FIELD)
  int rank;
  int64_t count; /* of products */
  int64_t dims[ES_MAX_DIMS];
  int64_t steps[3][ES_MAX_DIMS]; /* of A, B and C, in floats */
} products;

static es_gemm_shape read_gemm(es_reader *r) {
  es_gemm_shape s;
  ES_GEMM_FIELDS(ES_READ_FIELD)
  return s;
}

static products read_products(es_reader *r) {
  products s = {.shape = read_gemm(r)};
  ES_ACTIVATION_FIELDS(ES_READ_FIELD)
  s.rank = (int)es_word(r);
  s.count = 1;
  double count = 1;
  const double *dims = es_list(r, s.rank, 1, ES_MOST);
  for (int d = 0; d < s.rank; d++) {
    s.dims[d] = (int64_t)dims[d];
    count *= dims[d];
  }
  if (count > ES_MOST) r->fault = "it has too many products";
  else s.count = (int64_t)count;
  for (int k = 0; k < 3; k++) {
    const double *steps = es_list(r, s.rank, -ES_MOST, ES_MOST);
    for (int d = 0; d < s.rank; d++) s.steps[k][d] = (int64_t)steps[d];
  }
  return s;
}

/* Of rows × columns, rows `lead` floats apart, over all products. */
static es_extent matrices(const products *s, int k, double rows, double columns, double lead) {
  es_extent e = es_strided(s->rank, s->dims, s->steps[k], sizeof(float));
  e.high += ((rows - 1) * lead + columns - 1) * sizeof(float);
  return e;
}

void es_measure_gemm(es_reader *r, es_extent *e) {
  const products s = read_products(r);
  const es_gemm_shape g = s.shape;
  e[0] = matrices(&s, 0, g.ta ? g.k : g.m, g.ta ? g.m : g.k, g.lda);
  e[1] = matrices(&s, 1, g.tb ? g.n : g.k, g.tb ? g.k : g.n, g.ldb);
  e[2] = es_array(g.n, sizeof(float));
  e[3] = e[4] = matrices(&s, 2, g.m, g.n, g.ldc);
  /* Rows of A are found by an int, whatever lies between them. */
  if ((double)g.m * (g.ta ? g.k : g.lda) > ES_MOST_INT || (double)g.k * g.n > ES_MOST_INT || (double)g.m * g.n > ES_MOST_INT) r->fault = "it has too many elements";
  else if (g.lda < (g.ta ? g.m : g.k) || g.ldb < (g.tb ? g.k : g.n) || g.ldc < g.n) r->fault = "rows of a matrix overlap";
}

size_t es_scratch_gemm(es_reader *r) {
  const es_gemm_shape s = read_gemm(r);
  return es_gemm_scratch(&s, r->threads);
}

/* One product for each index of the axes before those of the matrices; a matrix may be that of many. A residual goes with C. */
void es_run_gemm(es_reader *r) {
  const products s = read_products(r);
  const float *a = es_operand(r), *b = es_operand(r), *bias = es_operand(r), *residual = es_operand(r);
  float *c = es_operand(r);
  void *scratch = es_operand(r);
  for (int64_t i = 0; i < s.count; i++) {
    int64_t at[3] = {0}, rest = i;
    for (int d = s.rank - 1; d >= 0; d--) {
      int64_t index = rest % s.dims[d];
      rest /= s.dims[d];
      for (int k = 0; k < 3; k++) at[k] += index * s.steps[k][d];
    }
    es_epilogue own = {bias, residual ? residual + at[2] : NULL, s.relu, s.relu_max};
    es_gemm(&s.shape, a + at[0], b + at[1], own, c + at[2], scratch, r->pool);
  }
}

static es_bn_shape read_norm(es_reader *r) {
  es_bn_shape s;
  ES_BN_FIELDS(ES_READ_FIELD)
  ES_ACTIVATION_FIELDS(ES_READ_FIELD)
  return s;
}

/* The extents of rows × c elements and of c. */
static es_bn_shape measure_norm(es_reader *r, es_extent *all, es_extent *channels) {
  const es_bn_shape s = read_norm(r);
  *all = es_array((double)s.rows * s.c, sizeof(float));
  *channels = es_array(s.c, sizeof(float));
  if (all->high > 4.0 * ES_MOST_INT) r->fault = "it has too many elements";
  return s;
}

void es_measure_bn_forward(es_reader *r, es_extent *e) {
  es_extent all, channels;
  measure_norm(r, &all, &channels);
  e[0] = e[3] = e[4] = all;
  e[1] = e[2] = e[5] = e[6] = channels;
}

size_t es_scratch_bn_forward(es_reader *r) {
  const es_bn_shape s = read_norm(r);
  return es_bn_train_forward_scratch(&s, r->threads);
}

void es_run_bn_forward(es_reader *r) {
  const es_bn_shape s = read_norm(r);
  const float *x = es_operand(r), *scale = es_operand(r), *shift = es_operand(r), *residual = es_operand(r);
  float *y = es_operand(r), *mean = es_operand(r), *variance = es_operand(r);
  es_bn_train_forward(&s, x, scale, shift, residual, y, mean, variance, es_operand(r), r->pool);
}

void es_measure_bn_backward(es_reader *r, es_extent *e) {
  es_extent all, channels;
  measure_norm(r, &all, &channels);
  e[0] = e[1] = e[2] = e[6] = e[7] = all;
  e[3] = e[4] = e[5] = e[8] = e[9] = channels;
}

size_t es_scratch_bn_backward(es_reader *r) {
  const es_bn_shape s = read_norm(r);
  return es_bn_train_backward_scratch(&s, r->threads);
}

void es_run_bn_backward(es_reader *r) {
  const es_bn_shape s = read_norm(r);
  const float *dy = es_operand(r), *y = es_operand(r), *x = es_operand(r), *scale = es_operand(r);
  const float *mean = es_operand(r), *variance = es_operand(r);
  float *dx = es_operand(r), *dresidual = es_operand(r), *dscale = es_operand(r), *dshift = es_operand(r);
  void *scratch = es_operand(r);
  if (s.relu && !y) r->fault = "the gradient of a rectified norm has no y";
  else es_bn_train_backward(&s, dy, y, x, scale, mean, variance, dx, dresidual, dscale, dshift, scratch, r->pool);
}

void es_measure_scale_shift(es_reader *r, es_extent *e) {
  es_extent all, channels;
  measure_norm(r, &all, &channels);
  e[0] = e[3] = e[4] = all;
  e[1] = e[2] = channels;
}

void es_run_scale_shift(es_reader *r) {
  const es_bn_shape s = read_norm(r);
  const float *x = es_operand(r), *scale = es_operand(r), *shift = es_operand(r), *residual = es_operand(r);
  es_scale_shift(&s, x, scale, shift, residual, es_operand(r), r->pool);
}

ES_FIELDS_OF(COLUMN_SUMS, columns)

void es_measure_column_sums(es_reader *r, es_extent *e) {
  const columns_fields s = read_columns(r);
  e[0] = es_array((double)s.rows * s.c, sizeof(float));
  e[1] = es_array(s.c, sizeof(float));
  if (e[0].high > 4.0 * ES_MOST_INT) r->fault = "it has too many elements";
}

size_t es_scratch_column_sums(es_reader *r) {
  const columns_fields s = read_columns(r);
  return es_column_sums_scratch(s.rows, s.c, r->threads);
}

void es_run_column_sums(es_reader *r) {
  const columns_fields s = read_columns(r);
  const float *x = es_operand(r);
  float *sums = es_operand(r);
  es_column_sums(s.rows, s.c, x, sums, es_operand(r), r->pool);
}
