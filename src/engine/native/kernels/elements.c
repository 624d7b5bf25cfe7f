/* Elementwise programs, and what is made of the elements along axes. */
#include "operators.h"

#include "map.h"
#include "reduce.h"

static void read_dims(es_reader *r, int rank, int64_t *dims) {
  const double *list = es_list(r, rank, 0, ES_MOST);
  double elements = 1;
  for (int d = 0; d < rank; d++) {
    dims[d] = (int64_t)list[d];
    elements *= list[d];
  }
  if (elements > ES_MOST) r->fault = "it has too many elements";
}

static void read_strides(es_reader *r, int rank, int64_t *strides) {
  const double *list = es_list(r, rank, -ES_MOST, ES_MOST);
  for (int d = 0; d < rank; d++) strides[d] = (int64_t)list[d];
}

static es_map_fields read_map_fields(es_reader *r) {
  es_map_fields s;
  ES_MAP_FIELDS(ES_READ_FIELD)
  return s;
}

static void read_map(es_reader *r, es_map *m) {
  const es_map_fields s = m->fields = read_map_fields(r);
  const int operands = s.inputs + s.outputs, first = s.inputs + s.literals;
  read_dims(r, s.rank, m->dims);
  const double *dtypes = es_list(r, operands, 0, ES_DTYPES - 1);
  const double *results = es_list(r, s.outputs, first, s.registers - 1);
  for (int i = 0; i < operands; i++) {
    es_map_operand *operand = i < s.inputs ? &m->input[i] : &m->output[i - s.inputs];
    operand->dtype = (es_dtype)dtypes[i];
    if (i >= s.inputs) operand->reg = (int)results[i - s.inputs];
    read_strides(r, s.rank, operand->stride);
  }
  const double *literals = es_numbers(r, s.literals);
  for (int i = 0; i < s.literals; i++) m->literal[i] = literals[i];
  for (int i = 0; i < s.operations; i++) {
    /* Inputs are read where they lie: what is computed has registers behind them and the literals. */
    const double code = *es_list(r, 1, 0, ES_MAP_CODES - 1), to = *es_list(r, 1, first, s.registers - 1), *from = es_list(r, 3, 0, s.registers - 1);
    m->operation[i] = (es_map_operation){(int)code, (int)to, (int)from[0], (int)from[1], (int)from[2]};
  }
  if (first > s.registers) r->fault = "it has fewer registers than operands";
}

void es_measure_map(es_reader *r, es_extent *e) {
  es_map m;
  read_map(r, &m);
  if (r->fault) return;
  for (int i = 0; i < m.fields.inputs + m.fields.outputs; i++) {
    const es_map_operand *operand = i < m.fields.inputs ? &m.input[i] : &m.output[i - m.fields.inputs];
    e[i] = es_strided(m.fields.rank, m.dims, operand->stride, es_dtype_bytes[operand->dtype]);
  }
}

void es_run_map(es_reader *r) {
  es_map m;
  read_map(r, &m);
  for (int i = 0; i < m.fields.inputs; i++) m.input[i].data = es_operand(r);
  for (int i = 0; i < m.fields.outputs; i++) m.output[i].data = es_operand(r);
  es_map_run(&m, r->pool);
}

static void read_reduce(es_reader *r, es_reduce *m) {
  es_reduce_fields s;
  ES_REDUCE_FIELDS(ES_READ_FIELD)
  m->fields = s;
  read_dims(r, s.rank, m->dims);
  read_strides(r, s.rank, m->stride);
  read_strides(r, s.rank, m->to);
}

void es_measure_reduce(es_reader *r, es_extent *e) {
  es_reduce m;
  read_reduce(r, &m);
  if (r->fault) return;
  const es_reduce_fields s = m.fields;
  const size_t bytes = es_dtype_bytes[s.dtype];
  e[0] = es_strided(s.rank, m.dims, m.stride, bytes);
  e[1] = es_array((double)s.results, bytes);
  const es_extent sums = es_strided(s.rank, m.dims, m.to, 1);
  if (sums.low < 0 || sums.high > (double)s.results) r->fault = "it sums to more results than it has";
  else if (s.split >= s.rank) r->fault = "threads share out an axis that it has not";
}

size_t es_scratch_reduce(es_reader *r) {
  es_reduce m;
  read_reduce(r, &m);
  return (size_t)m.fields.results * sizeof(double) * (size_t)(m.to[m.fields.split] == 0 ? r->threads : 1);
}

void es_run_reduce(es_reader *r) {
  es_reduce m;
  read_reduce(r, &m);
  m.x = es_operand(r);
  m.y = es_operand(r);
  m.sums = es_operand(r);
  es_reduce_run(&m, r->pool);
}

ES_FIELDS_OF(SOFTMAX, softmax)

static double lanes(es_reader *r, double outer, double extent, double inner) {
  if (outer * extent * inner > ES_MOST) r->fault = "it has too many elements";
  return outer * extent * inner;
}

void es_measure_softmax(es_reader *r, es_extent *e) {
  const softmax_fields s = read_softmax(r);
  e[0] = e[1] = es_array(lanes(r, (double)s.outer, (double)s.extent, (double)s.inner), sizeof(float));
}

void es_run_softmax(es_reader *r) {
  const softmax_fields s = read_softmax(r);
  const float *x = es_operand(r);
  es_softmax(s.outer, s.extent, s.inner, s.log, x, es_operand(r), r->pool);
}

ES_FIELDS_OF(ARG_MAX, arg_max)

void es_measure_arg_max(es_reader *r, es_extent *e) {
  const arg_max_fields s = read_arg_max(r);
  e[0] = es_array(lanes(r, (double)s.outer, (double)s.extent, (double)s.inner), es_dtype_bytes[s.dtype]);
  e[1] = es_array((double)s.outer * (double)s.inner, sizeof(int64_t));
}

/* The first of equal maxima. */
#define ARG_MAX(type)                                                                       \
  for (int64_t i = 0; i < s.outer * s.inner; i++) {                                         \
    const type *lane = (const type *)x + i / s.inner * s.extent * s.inner + i % s.inner;    \
    int64_t best = 0;                                                                       \
    for (int64_t k = 1; k < s.extent; k++)                                                  \
      if (lane[k * s.inner] > lane[best * s.inner]) best = k;                               \
    y[i] = best;                                                                            \
  }                                                                                         \
  break;

void es_run_arg_max(es_reader *r) {
  const arg_max_fields s = read_arg_max(r);
  const char *x = es_operand(r);
  int64_t *y = es_operand(r);
  switch (s.dtype) {
    case ES_FLOAT32: ARG_MAX(float)
    case ES_FLOAT64: ARG_MAX(double)
    case ES_INT32: ARG_MAX(int32_t)
    case ES_INT64: ARG_MAX(int64_t)
    case ES_UINT8:
    case ES_BOOL: ARG_MAX(uint8_t)
  }
}
