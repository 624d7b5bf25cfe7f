/* The table of instructions, and those that hand their words to a kernel. */
#include "operators.h"

enum { WORTH_SHARING = 16384 };

void es_parallel(es_pool *pool, int64_t work, void (*task)(void *, int, int), void *arg) {
  if (work < WORTH_SHARING) task(arg, 0, 1);
  else es_pool_run(pool, task, arg);
}

static es_conv_shape conv_shape(es_reader *r) {
  es_conv_shape s;
  int *fields[] = {&s.n,  &s.h,  &s.w,  &s.c,  &s.oh, &s.ow, &s.oc, &s.kh,
                   &s.kw, &s.sh, &s.sw, &s.dh, &s.dw, &s.pt, &s.pl, &s.groups, &s.precise, &s.packed};
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) *fields[i] = (int)es_word(r);
  return s;
}

/* bias and residual were read with the operands; the rest comes after the shape. */
static es_epilogue epilogue(es_reader *r, const float *bias, const float *residual) {
  es_epilogue e = {bias, residual, 0, 0};
  e.relu = (int)es_word(r);
  e.relu_max = (float)es_number(r);
  return e;
}

#define SCRATCH_OF_CONV(kernel)                          \
  static size_t scratch_##kernel(es_reader *r) {         \
    es_conv_shape shape = conv_shape(r);                 \
    return es_conv_##kernel##_scratch(&shape, r->threads); \
  }
SCRATCH_OF_CONV(forward)
SCRATCH_OF_CONV(input_grad)
SCRATCH_OF_CONV(filter_grad)

#define RUN_CONV(kernel)                                                                                  \
  static void run_##kernel(es_reader *r) {                                                                \
    const float *x = es_operand(r), *w = es_operand(r), *bias = es_operand(r), *residual = es_operand(r); \
    float *y = es_operand(r);                                                                             \
    void *scratch = es_operand(r);                                                                        \
    es_conv_shape shape = conv_shape(r);                                                                  \
    es_conv_##kernel(&shape, x, w, epilogue(r, bias, residual), y, scratch, r->pool);                     \
  }
RUN_CONV(forward)
RUN_CONV(input_grad)

static void run_conv_pack(es_reader *r) {
  const float *w = es_operand(r);
  void *packed = es_operand(r);
  es_conv_shape shape = conv_shape(r);
  es_conv_pack(&shape, w, packed, r->pool);
}

/* Bytes of what it packs, which is no scratch. */
static size_t bytes_conv_pack(es_reader *r) {
  es_conv_shape shape = conv_shape(r);
  return es_conv_packed(&shape);
}

static void run_filter_grad(es_reader *r) {
  const float *x = es_operand(r), *dy = es_operand(r);
  float *dw = es_operand(r);
  void *scratch = es_operand(r);
  es_conv_shape shape = conv_shape(r);
  es_conv_filter_grad(&shape, x, dy, dw, scratch, r->pool);
}

static es_gemm_shape gemm_shape(es_reader *r) {
  es_gemm_shape s;
  int *fields[] = {&s.m, &s.n, &s.k, &s.ta, &s.tb, &s.lda, &s.ldb, &s.ldc};
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) *fields[i] = (int)es_word(r);
  return s;
}

static size_t scratch_gemm(es_reader *r) {
  es_gemm_shape shape = gemm_shape(r);
  return es_gemm_scratch(&shape, r->threads);
}

/* One product for each index of the axes before those of the matrices; a matrix may be that of many. A residual goes with C. */
static void run_gemm(es_reader *r) {
  const float *a = es_operand(r), *b = es_operand(r), *bias = es_operand(r), *residual = es_operand(r);
  float *c = es_operand(r);
  void *scratch = es_operand(r);
  es_gemm_shape shape = gemm_shape(r);
  es_epilogue e = epilogue(r, bias, residual);
  int rank = (int)es_word(r);
  int64_t count = 1;
  const double *dims = r->word, *steps = dims + rank;
  for (int d = 0; d < rank; d++) count *= (int64_t)dims[d];
  for (int64_t i = 0; i < count; i++) {
    int64_t at[3] = {0}, rest = i;
    for (int d = rank - 1; d >= 0; d--) {
      int64_t index = rest % (int64_t)dims[d];
      rest /= (int64_t)dims[d];
      for (int k = 0; k < 3; k++) at[k] += index * (int64_t)steps[k * rank + d];
    }
    es_epilogue own = {e.bias, e.residual ? e.residual + at[2] : NULL, e.relu, e.relu_max};
    es_gemm(&shape, a + at[0], b + at[1], own, c + at[2], scratch, r->pool);
  }
}

static es_bn_shape bn_shape(es_reader *r) {
  es_bn_shape s;
  s.rows = (long)es_word(r);
  s.c = (int)es_word(r);
  s.epsilon = (float)es_number(r);
  s.relu = (int)es_word(r);
  s.relu_max = (float)es_number(r);
  return s;
}

static size_t scratch_bn_forward(es_reader *r) {
  es_bn_shape shape = bn_shape(r);
  return es_bn_train_forward_scratch(&shape, r->threads);
}

static void run_bn_forward(es_reader *r) {
  const float *x = es_operand(r), *scale = es_operand(r), *shift = es_operand(r), *residual = es_operand(r);
  float *y = es_operand(r), *mean = es_operand(r), *variance = es_operand(r);
  void *scratch = es_operand(r);
  es_bn_shape shape = bn_shape(r);
  es_bn_train_forward(&shape, x, scale, shift, residual, y, mean, variance, scratch, r->pool);
}

static size_t scratch_bn_backward(es_reader *r) {
  es_bn_shape shape = bn_shape(r);
  return es_bn_train_backward_scratch(&shape, r->threads);
}

static void run_bn_backward(es_reader *r) {
  const float *dy = es_operand(r), *y = es_operand(r), *x = es_operand(r), *scale = es_operand(r);
  const float *mean = es_operand(r), *variance = es_operand(r);
  float *dx = es_operand(r), *dresidual = es_operand(r), *dscale = es_operand(r), *dshift = es_operand(r);
  void *scratch = es_operand(r);
  es_bn_shape shape = bn_shape(r);
  es_bn_train_backward(&shape, dy, y, x, scale, mean, variance, dx, dresidual, dscale, dshift, scratch, r->pool);
}

static void run_scale_shift(es_reader *r) {
  const float *x = es_operand(r), *scale = es_operand(r), *shift = es_operand(r), *residual = es_operand(r);
  float *y = es_operand(r);
  es_bn_shape shape = bn_shape(r);
  es_scale_shift(&shape, x, scale, shift, residual, y, r->pool);
}

static es_pool_shape pool_shape(es_reader *r) {
  es_pool_shape s;
  int *fields[] = {&s.n,  &s.h,  &s.w,  &s.c,  &s.oh, &s.ow, &s.kh, &s.kw, &s.sh,
                   &s.sw, &s.dh, &s.dw, &s.pt, &s.pl, &s.pb, &s.pr, &s.count_include_pad};
  for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) *fields[i] = (int)es_word(r);
  return s;
}

#define RUN_POOL(kernel, direction)                                            \
  static void run_##kernel##_##direction(es_reader *r) {                       \
    const float *x = es_operand(r);                                            \
    float *y = es_operand(r);                                                  \
    es_pool_shape shape = pool_shape(r);                                       \
    es_##kernel##_##direction(&shape, x, y, r->pool);                          \
  }
RUN_POOL(max_pool, forward)
RUN_POOL(avg_pool, forward)
RUN_POOL(avg_pool, backward)

static void run_max_pool_backward(es_reader *r) {
  const float *x = es_operand(r), *y = es_operand(r), *dy = es_operand(r);
  float *dx = es_operand(r);
  es_pool_shape shape = pool_shape(r);
  es_max_pool_backward(&shape, x, y, dy, dx, r->pool);
}

static size_t scratch_column_sums(es_reader *r) {
  long rows = (long)es_word(r);
  return es_column_sums_scratch(rows, (int)es_word(r), r->threads);
}

static void run_column_sums(es_reader *r) {
  const float *x = es_operand(r);
  float *sums = es_operand(r);
  void *scratch = es_operand(r);
  long rows = (long)es_word(r);
  es_column_sums(rows, (int)es_word(r), x, sums, scratch, r->pool);
}

static void run_global_average(es_reader *r) {
  const float *x = es_operand(r);
  float *y = es_operand(r);
  int n = (int)es_word(r), pixels = (int)es_word(r), c = (int)es_word(r);
  es_global_avg_pool_forward(n, pixels, c, x, y, r->pool);
}

static void run_softmax(es_reader *r) {
  const float *x = es_operand(r);
  float *y = es_operand(r);
  int64_t outer = es_word(r), extent = es_word(r), inner = es_word(r);
  es_softmax(outer, extent, inner, (int)es_word(r), x, y, r->pool);
}

/* Counts of operands come with the words, as they differ: inputs, then outputs. */
static void run_map(es_reader *r) {
  es_map m;
  m.wide = (int)es_word(r);
  m.rank = (int)es_word(r);
  if (m.rank < 1 || m.rank > ES_MAX_DIMS) {
    r->fault = "an elementwise program has too many axes";
    return;
  }
  for (int d = 0; d < m.rank; d++) m.dims[d] = es_word(r);
  m.inputs = (int)es_word(r);
  if (m.inputs > ES_MAP_OPERANDS) goto too_large;
  for (int i = 0; i < m.inputs; i++) {
    m.input[i].data = es_operand(r);
    m.input[i].dtype = (es_dtype)es_word(r);
    for (int d = 0; d < m.rank; d++) m.input[i].stride[d] = es_word(r);
  }
  m.outputs = (int)es_word(r);
  if (m.outputs > ES_MAP_OPERANDS) goto too_large;
  for (int i = 0; i < m.outputs; i++) {
    m.output[i].data = es_operand(r);
    m.output[i].dtype = (es_dtype)es_word(r);
    m.output[i].reg = (int)es_word(r);
    for (int d = 0; d < m.rank; d++) m.output[i].stride[d] = es_word(r);
  }
  m.literals = (int)es_word(r);
  if (m.literals > ES_MAP_OPERANDS) goto too_large;
  for (int i = 0; i < m.literals; i++) m.literal[i] = es_number(r);
  m.registers = (int)es_word(r);
  m.operations = (int)es_word(r);
  if (m.registers > ES_MAP_REGISTERS || m.operations > ES_MAP_OPERATIONS) goto too_large;
  for (int i = 0; i < m.operations; i++) {
    int *fields[] = {&m.operation[i].code, &m.operation[i].to, &m.operation[i].a, &m.operation[i].b, &m.operation[i].c};
    for (size_t k = 0; k < sizeof fields / sizeof *fields; k++) *fields[k] = (int)es_word(r);
  }
  es_map_run(&m, r->pool);
  return;
too_large:
  r->fault = "an elementwise program has too many operands or operations";
}

static void read_reduce(es_reader *r, es_reduce *m) {
  m->max = (int)es_word(r);
  m->divisor = es_number(r);
  m->dtype = (es_dtype)es_word(r);
  m->split = (int)es_word(r);
  m->results = es_word(r);
  m->rank = (int)es_word(r);
  for (int d = 0; d < m->rank; d++) m->dims[d] = es_word(r);
  for (int d = 0; d < m->rank; d++) m->stride[d] = es_word(r);
  for (int d = 0; d < m->rank; d++) m->to[d] = es_word(r);
}

static size_t scratch_reduce(es_reader *r) {
  es_reduce m;
  read_reduce(r, &m);
  return (size_t)m.results * sizeof(double) * (size_t)(m.to[m.split] == 0 ? r->threads : 1);
}

static void run_reduce(es_reader *r) {
  es_reduce m;
  m.x = es_operand(r);
  m.y = es_operand(r);
  m.sums = es_operand(r);
  read_reduce(r, &m);
  es_reduce_run(&m, r->pool);
}

const es_op es_ops[] = {
    {"map", run_map, NULL},
    {"copy", es_run_copy, NULL},
    {"transpose", es_run_transpose, NULL},
    {"reduce", run_reduce, scratch_reduce},
    {"column_sums", run_column_sums, scratch_column_sums},
    {"softmax", run_softmax, NULL},
    {"arg_max", es_run_arg_max, NULL},
    {"gather", es_run_gather, NULL},
    {"gather_grad", es_run_gather_grad, NULL},
    {"one_hot", es_run_one_hot, NULL},
    {"resample", es_run_resample, NULL},
    {"gemm", run_gemm, scratch_gemm},
    {"conv", run_forward, scratch_forward},
    {"conv_pack", run_conv_pack, bytes_conv_pack},
    {"conv_input_grad", run_input_grad, scratch_input_grad},
    {"conv_filter_grad", run_filter_grad, scratch_filter_grad},
    {"bn_forward", run_bn_forward, scratch_bn_forward},
    {"bn_backward", run_bn_backward, scratch_bn_backward},
    {"scale_shift", run_scale_shift, NULL},
    {"max_pool", run_max_pool_forward, NULL},
    {"max_pool_grad", run_max_pool_backward, NULL},
    {"avg_pool", run_avg_pool_forward, NULL},
    {"avg_pool_grad", run_avg_pool_backward, NULL},
    {"global_avg_pool", run_global_average, NULL},
};

const int es_op_count = sizeof es_ops / sizeof *es_ops;
