/* Moving and choosing elements: strided copies, rows by index, one-hot rows, resampled axes. */
#include "operators.h"

#include <string.h>

typedef struct {
  int64_t bytes; /* of an element */
  int rank;
  int64_t dims[ES_MAX_DIMS], from[ES_MAX_DIMS], to[ES_MAX_DIMS];
  const char *x;
  char *y;
} copy;

#define COPY_ROW(type)                                                                    \
  {                                                                                       \
    const type *x = (const type *)source;                                                 \
    type *y = (type *)target;                                                             \
    for (int64_t i = 0; i < n; i++) y[i * to] = x[i * from];                              \
  }                                                                                       \
  break;

static void copy_row(const char *source, char *target, int64_t n, int64_t from, int64_t to, int64_t bytes) {
  if (from == 1 && to == 1) {
    memcpy(target, source, (size_t)(n * bytes));
    return;
  }
  switch (bytes) {
    case 1: COPY_ROW(uint8_t)
    case 4: COPY_ROW(uint32_t)
    default: COPY_ROW(uint64_t)
  }
}

static void copy_share(void *arg, int thread, int threads) {
  const copy *m = arg;
  int64_t rows = 1, first, end, at[ES_MAX_DIMS] = {0};
  for (int d = 0; d < m->rank - 1; d++) rows *= m->dims[d];
  es_share(rows, thread, threads, &first, &end);
  int64_t rest = first, x = 0, y = 0;
  for (int d = m->rank - 2; d >= 0; d--) {
    at[d] = rest % m->dims[d];
    rest /= m->dims[d];
    x += at[d] * m->from[d];
    y += at[d] * m->to[d];
  }
  const int last = m->rank - 1;
  for (int64_t row = first; row < end; row++) {
    copy_row(m->x + x * m->bytes, m->y + y * m->bytes, m->dims[last], m->from[last], m->to[last], m->bytes);
    for (int d = last - 1; d >= 0; d--) {
      x += m->from[d];
      y += m->to[d];
      if (++at[d] < m->dims[d]) break;
      x -= at[d] * m->from[d];
      y -= at[d] * m->to[d];
      at[d] = 0;
    }
  }
}

void es_run_copy(es_reader *r) {
  copy m;
  m.x = es_operand(r);
  m.y = es_operand(r);
  m.bytes = es_word(r);
  m.rank = (int)es_word(r);
  int64_t elements = 1;
  for (int d = 0; d < m.rank; d++) elements *= m.dims[d] = es_word(r);
  for (int d = 0; d < m.rank; d++) m.from[d] = es_word(r);
  for (int d = 0; d < m.rank; d++) m.to[d] = es_word(r);
  es_parallel(r->pool, elements, copy_share, &m);
}

void es_run_transpose(es_reader *r) {
  const float *x = es_operand(r);
  float *y = es_operand(r);
  int n = (int)es_word(r), rows = (int)es_word(r), columns = (int)es_word(r);
  es_nchw_to_nhwc(n, rows, columns, x, y, r->pool);
}

/* The index of a row; -1 where there is no such row. Negative ones count from the end. */
static int64_t row_at(const void *indices, es_dtype dtype, int64_t i, int64_t extent) {
  int64_t at = dtype == ES_INT32 ? ((const int32_t *)indices)[i] : ((const int64_t *)indices)[i];
  if (at < 0) at += extent;
  return at >= 0 && at < extent ? at : -1;
}

void es_run_gather(es_reader *r) {
  const char *x = es_operand(r);
  const void *indices = es_operand(r);
  char *y = es_operand(r);
  es_dtype dtype = (es_dtype)es_word(r);
  int64_t outer = es_word(r), extent = es_word(r), count = es_word(r), bytes = es_word(r);
  for (int64_t o = 0; o < outer; o++) {
    for (int64_t i = 0; i < count; i++) {
      int64_t at = row_at(indices, dtype, i, extent);
      if (at < 0) {
        r->fault = "an index is out of range";
        return;
      }
      memcpy(y + (o * count + i) * bytes, x + (o * extent + at) * bytes, (size_t)bytes);
    }
  }
}

void es_run_gather_grad(es_reader *r) {
  const float *dy = es_operand(r);
  const void *indices = es_operand(r);
  float *dx = es_operand(r);
  es_dtype dtype = (es_dtype)es_word(r);
  int64_t rows = es_word(r), count = es_word(r), inner = es_word(r);
  memset(dx, 0, (size_t)(rows * inner) * sizeof *dx);
  for (int64_t i = 0; i < count; i++) {
    int64_t at = row_at(indices, dtype, i, rows);
    if (at < 0) {
      r->fault = "an index is out of range";
      return;
    }
    for (int64_t k = 0; k < inner; k++) dx[at * inner + k] += dy[i * inner + k];
  }
}

void es_run_one_hot(es_reader *r) {
  const void *labels = es_operand(r);
  float *y = es_operand(r);
  es_dtype dtype = (es_dtype)es_word(r);
  int64_t count = es_word(r), depth = es_word(r);
  memset(y, 0, (size_t)(count * depth) * sizeof *y);
  for (int64_t i = 0; i < count; i++) {
    int64_t at = dtype == ES_INT32   ? ((const int32_t *)labels)[i]
                 : dtype == ES_INT64 ? ((const int64_t *)labels)[i]
                                     : ((const uint8_t *)labels)[i];
    if (at >= 0 && at < depth) y[i * depth + at] = 1;
  }
}

/* One axis of [outer, extent, inner], made of two elements each: (1 - share)·x[first] + share·x[second]. */
typedef struct {
  const float *x;
  float *y;
  const double *sample; /* triples: first, second, share */
  int back;             /* the gradient: y [outer, from, inner] of x [outer, to, inner] */
  int64_t outer, from, to, inner;
} resample;

static void resample_share(void *arg, int thread, int threads) {
  const resample *m = arg;
  int64_t first, end;
  es_share(m->outer, thread, threads, &first, &end);
  const int64_t inner = m->inner;
  for (int64_t o = first; o < end; o++) {
    if (m->back) memset(m->y + o * m->from * inner, 0, (size_t)(m->from * inner) * sizeof(float));
    for (int64_t i = 0; i < m->to; i++) {
      const double *sample = m->sample + 3 * i;
      const int64_t a = (o * m->from + (int64_t)sample[0]) * inner, b = (o * m->from + (int64_t)sample[1]) * inner;
      const int64_t resized = (o * m->to + i) * inner;
      const float share = (float)sample[2], rest = (float)(1 - sample[2]);
      if (m->back) {
        for (int64_t k = 0; k < inner; k++) m->y[a + k] += rest * m->x[resized + k];
        if (share != 0)
          for (int64_t k = 0; k < inner; k++) m->y[b + k] += share * m->x[resized + k];
      } else if (share == 0) {
        memcpy(m->y + resized, m->x + a, (size_t)inner * sizeof(float));
      } else {
        for (int64_t k = 0; k < inner; k++) m->y[resized + k] = rest * m->x[a + k] + share * m->x[b + k];
      }
    }
  }
}

void es_run_resample(es_reader *r) {
  resample m;
  m.x = es_operand(r);
  m.sample = es_operand(r);
  m.y = es_operand(r);
  m.back = (int)es_word(r);
  m.outer = es_word(r);
  m.from = es_word(r);
  m.to = es_word(r);
  m.inner = es_word(r);
  es_parallel(r->pool, m.outer * m.to * m.inner, resample_share, &m);
}

void es_run_arg_max(es_reader *r) {
  const char *x = es_operand(r);
  int64_t *y = es_operand(r);
  es_dtype dtype = (es_dtype)es_word(r);
  int64_t outer = es_word(r), extent = es_word(r), inner = es_word(r);
#define ARG_MAX(type)                                                               \
  for (int64_t i = 0; i < outer * inner; i++) {                                     \
    const type *lane = (const type *)x + i / inner * extent * inner + i % inner;    \
    int64_t best = 0;                                                               \
    for (int64_t k = 1; k < extent; k++)                                            \
      if (lane[k * inner] > lane[best * inner]) best = k;                           \
    y[i] = best;                                                                    \
  }                                                                                 \
  break;
  switch (dtype) {
    case ES_FLOAT32: ARG_MAX(float)
    case ES_FLOAT64: ARG_MAX(double)
    case ES_INT32: ARG_MAX(int32_t)
    case ES_INT64: ARG_MAX(int64_t)
    case ES_UINT8:
    case ES_BOOL: ARG_MAX(uint8_t)
  }
#undef ARG_MAX
}
