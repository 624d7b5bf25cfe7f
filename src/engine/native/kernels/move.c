/* Moving and choosing elements: strided copies, rows by index, one-hot rows, resampled axes. */
#include "operators.h"

#include <string.h>

ES_FIELDS_OF(COPY, copy)

typedef struct {
  copy_fields fields;
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
  for (int d = 0; d < m->fields.rank - 1; d++) rows *= m->dims[d];
  es_share(rows, thread, threads, &first, &end);
  int64_t rest = first, x = 0, y = 0;
  for (int d = m->fields.rank - 2; d >= 0; d--) {
    at[d] = rest % m->dims[d];
    rest /= m->dims[d];
    x += at[d] * m->from[d];
    y += at[d] * m->to[d];
  }
  const int last = m->fields.rank - 1;
  for (int64_t row = first; row < end; row++) {
    copy_row(m->x + x * m->fields.bytes, m->y + y * m->fields.bytes, m->dims[last], m->from[last], m->to[last], m->fields.bytes);
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

static void read_whole_copy(es_reader *r, copy *m) {
  const copy_fields s = m->fields = read_copy(r);
  const double *dims = es_list(r, s.rank, 0, ES_MOST), *from = es_list(r, s.rank, -ES_MOST, ES_MOST), *to = es_list(r, s.rank, -ES_MOST, ES_MOST);
  double elements = 1;
  for (int d = 0; d < s.rank; d++) {
    m->dims[d] = (int64_t)dims[d], m->from[d] = (int64_t)from[d], m->to[d] = (int64_t)to[d];
    elements *= dims[d];
  }
  if (elements > ES_MOST) r->fault = "it has too many elements";
}

void es_measure_copy(es_reader *r, es_extent *e) {
  copy m;
  read_whole_copy(r, &m);
  e[0] = es_strided(m.fields.rank, m.dims, m.from, (size_t)m.fields.bytes);
  e[1] = es_strided(m.fields.rank, m.dims, m.to, (size_t)m.fields.bytes);
  if (m.fields.bytes != 1 && m.fields.bytes != 4 && m.fields.bytes != 8) r->fault = "no element has as many bytes";
}

void es_run_copy(es_reader *r) {
  copy m;
  read_whole_copy(r, &m);
  m.x = es_operand(r);
  m.y = es_operand(r);
  int64_t elements = 1;
  for (int d = 0; d < m.fields.rank; d++) elements *= m.dims[d];
  if (elements > 0) es_parallel(r->pool, elements, copy_share, &m);
}

ES_FIELDS_OF(TRANSPOSE, transpose)

void es_measure_transpose(es_reader *r, es_extent *e) {
  const transpose_fields s = read_transpose(r);
  e[0] = e[1] = es_array((double)s.n * s.rows * s.columns, sizeof(float));
  if (e[0].high > 4.0 * ES_MOST_INT) r->fault = "it has too many elements";
}

void es_run_transpose(es_reader *r) {
  const transpose_fields s = read_transpose(r);
  const float *x = es_operand(r);
  es_nchw_to_nhwc(s.n, s.rows, s.columns, x, es_operand(r), r->pool);
}

/* The index of a row; -1 where there is no such row. Negative ones count from the end. */
static int64_t row_at(const void *indices, es_dtype dtype, int64_t i, int64_t extent) {
  int64_t at = dtype == ES_INT32 ? ((const int32_t *)indices)[i] : ((const int64_t *)indices)[i];
  if (at < 0) at += extent;
  return at >= 0 && at < extent ? at : -1;
}

static const char *const OUT_OF_RANGE = "an index is out of range";

ES_FIELDS_OF(GATHER, gather)

void es_measure_gather(es_reader *r, es_extent *e) {
  const gather_fields s = read_gather(r);
  e[0] = es_array((double)s.outer * (double)s.extent * (double)s.bytes, 1);
  e[1] = es_array((double)s.count, es_dtype_bytes[s.dtype]);
  e[2] = es_array((double)s.outer * (double)s.count * (double)s.bytes, 1);
}

void es_run_gather(es_reader *r) {
  const gather_fields s = read_gather(r);
  const char *x = es_operand(r);
  const void *indices = es_operand(r);
  char *y = es_operand(r);
  for (int64_t o = 0; o < s.outer; o++) {
    for (int64_t i = 0; i < s.count; i++) {
      int64_t at = row_at(indices, (es_dtype)s.dtype, i, s.extent);
      if (at < 0) {
        r->fault = OUT_OF_RANGE;
        return;
      }
      memcpy(y + (o * s.count + i) * s.bytes, x + (o * s.extent + at) * s.bytes, (size_t)s.bytes);
    }
  }
}

ES_FIELDS_OF(GATHER_GRAD, gather_grad)

void es_measure_gather_grad(es_reader *r, es_extent *e) {
  const gather_grad_fields s = read_gather_grad(r);
  e[0] = es_array((double)s.count * (double)s.inner, sizeof(float));
  e[1] = es_array((double)s.count, es_dtype_bytes[s.dtype]);
  e[2] = es_array((double)s.rows * (double)s.inner, sizeof(float));
}

void es_run_gather_grad(es_reader *r) {
  const gather_grad_fields s = read_gather_grad(r);
  const float *dy = es_operand(r);
  const void *indices = es_operand(r);
  float *dx = es_operand(r);
  memset(dx, 0, (size_t)(s.rows * s.inner) * sizeof *dx);
  for (int64_t i = 0; i < s.count; i++) {
    int64_t at = row_at(indices, (es_dtype)s.dtype, i, s.rows);
    if (at < 0) {
      r->fault = OUT_OF_RANGE;
      return;
    }
    for (int64_t k = 0; k < s.inner; k++) dx[at * s.inner + k] += dy[i * s.inner + k];
  }
}

ES_FIELDS_OF(ONE_HOT, one_hot)

void es_measure_one_hot(es_reader *r, es_extent *e) {
  const one_hot_fields s = read_one_hot(r);
  e[0] = es_array((double)s.count, es_dtype_bytes[s.dtype]);
  e[1] = es_array((double)s.count * (double)s.depth, sizeof(float));
}

void es_run_one_hot(es_reader *r) {
  const one_hot_fields s = read_one_hot(r);
  const void *labels = es_operand(r);
  float *y = es_operand(r);
  memset(y, 0, (size_t)(s.count * s.depth) * sizeof *y);
  for (int64_t i = 0; i < s.count; i++) {
    int64_t at = s.dtype == ES_INT32   ? ((const int32_t *)labels)[i]
                 : s.dtype == ES_INT64 ? ((const int64_t *)labels)[i]
                                       : ((const uint8_t *)labels)[i];
    if (at >= 0 && at < s.depth) y[i * s.depth + at] = 1;
  }
}

/* One axis of [outer, extent, inner], made of two elements each: (1 - share)·x[first] + share·x[second]. */
ES_FIELDS_OF(RESAMPLE, resample)

typedef struct {
  resample_fields fields;
  const float *x;
  float *y;
  const double *sample; /* triples: first, second, share */
} resample;

static void resample_share(void *arg, int thread, int threads) {
  const resample *m = arg;
  const resample_fields f = m->fields;
  int64_t first, end;
  es_share(f.outer, thread, threads, &first, &end);
  for (int64_t o = first; o < end; o++) {
    if (f.back) memset(m->y + o * f.from * f.inner, 0, (size_t)(f.from * f.inner) * sizeof(float));
    for (int64_t i = 0; i < f.to; i++) {
      const double *sample = m->sample + 3 * i;
      const int64_t a = (o * f.from + (int64_t)sample[0]) * f.inner, b = (o * f.from + (int64_t)sample[1]) * f.inner;
      const int64_t resized = (o * f.to + i) * f.inner;
      const float share = (float)sample[2], rest = (float)(1 - sample[2]);
      if (f.back) {
        for (int64_t k = 0; k < f.inner; k++) m->y[a + k] += rest * m->x[resized + k];
        if (share != 0)
          for (int64_t k = 0; k < f.inner; k++) m->y[b + k] += share * m->x[resized + k];
      } else if (share == 0) {
        memcpy(m->y + resized, m->x + a, (size_t)f.inner * sizeof(float));
      } else {
        for (int64_t k = 0; k < f.inner; k++) m->y[resized + k] = rest * m->x[a + k] + share * m->x[b + k];
      }
    }
  }
}

void es_measure_resample(es_reader *r, es_extent *e) {
  const resample_fields s = read_resample(r);
  const double planes = (double)s.outer * (double)s.inner;
  e[s.back ? 2 : 0] = es_array(planes * (double)s.from, sizeof(float));
  e[s.back ? 0 : 2] = es_array(planes * (double)s.to, sizeof(float));
  e[1] = es_array(3 * (double)s.to, sizeof(double));
}

/* Whether every sample is of two elements that there are. */
static int samples_hold(const double *sample, int64_t from, int64_t to) {
  for (int64_t i = 0; i < to; i++, sample += 3)
    if (!(sample[0] >= 0 && sample[0] < (double)from && sample[1] >= 0 && sample[1] < (double)from)) return 0;
  return 1;
}

void es_run_resample(es_reader *r) {
  resample m = {.fields = read_resample(r)};
  m.x = es_operand(r);
  m.sample = es_operand(r);
  m.y = es_operand(r);
  const resample_fields f = m.fields;
  if (samples_hold(m.sample, f.from, f.to)) es_parallel(r->pool, f.outer * f.to * f.inner, resample_share, &m);
  else r->fault = OUT_OF_RANGE;
}
