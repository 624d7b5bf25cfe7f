/* Convolutions and pools: windows that slide over planes. */
#include "operators.h"

static es_conv_shape read_shape(es_reader *r) {
  es_conv_shape s;
  ES_CONV_FIELDS(ES_READ_FIELD)
  return s;
}

static es_epilogue read_activation(es_reader *r) {
  es_epilogue s = {0};
  ES_ACTIVATION_FIELDS(ES_READ_FIELD)
  return s;
}

static double area(double n, double h, double w, double c) { return n * h * w * c; }

/* Windows over one axis: their reach and what lies under them are counted in int. */
static int counts(double extent, double outputs, double stride, double taps, double dilation, double pads) {
  return (outputs - 1) * stride + (taps - 1) * dilation + pads < ES_MOST_INT && extent + stride + pads < ES_MOST_INT;
}

/* Whether int counts the floats of rows that are copied with the zeros around them: of a window and a stride, in up to four planes. */
static int copies(double rows, double columns, double channels) { return 4 * rows * columns * channels <= ES_MOST_INT; }

static void check_conv(es_reader *r, const es_conv_shape *s) {
  const double rows = (s->kh - 1.0) * s->dh + 1 + s->sh, columns = (s->ow - 1.0) * s->sw + (s->kw - 1.0) * s->dw + 1;
  if (s->c % s->groups || s->oc % s->groups) r->fault = "its channels are no multiple of its groups";
  else if (area(s->n, s->h, s->w, s->c) > ES_MOST_INT || area(s->n, s->oh, s->ow, s->oc) > ES_MOST_INT || area(s->oc, s->c / s->groups, s->kh, s->kw) > ES_MOST_INT)
    r->fault = "it has too many elements";
  else if (!counts(s->h, s->oh, s->sh, s->kh, s->dh, s->pt) || !counts(s->w, s->ow, s->sw, s->kw, s->dw, s->pl)) r->fault = "its windows reach too far";
  else if (!copies(rows, columns, s->c / s->groups)) r->fault = "its windows reach too far";
}

/* Of the gradient by x, each phase of the strides is a window over the outputs: it has an input in `sw`, and a tap in `sw` reaches it. */
static void check_input_grad(es_reader *r, const es_conv_shape *s) {
  check_conv(r, s);
  const double rows = (s->kh - 1.0) * s->dh / s->sh + 2, columns = ((double)s->w + (s->kw - 1.0) * s->dw) / s->sw + 2;
  if (!copies(rows, columns, s->oc / s->groups)) r->fault = "its windows reach too far";
}

/* Of the gradient by the weights, a unit has the rows of some 256 pixels of outputs, of one image or of several, for blocks of at most 6 channels. */
static void check_filter_grad(es_reader *r, const es_conv_shape *s) {
  check_conv(r, s);
  const double pixels = 256, images = pixels / s->oh / s->ow, unit = pixels / s->ow < s->oh ? pixels / s->ow : s->oh;
  const double rows = (unit < 1 ? 0 : unit - 1) * s->sh + (s->kh - 1.0) * s->dh + 1, columns = (s->ow - 1.0) * s->sw + (s->kw - 1.0) * s->dw + 1;
  if ((images < 1 ? 1 : images) * rows * columns * 6 > ES_MOST_INT) r->fault = "its windows reach too far";
}

static es_extent inputs_of(const es_conv_shape *s) { return es_array(area(s->n, s->h, s->w, s->c), sizeof(float)); }
static es_extent outputs_of(const es_conv_shape *s) { return es_array(area(s->n, s->oh, s->ow, s->oc), sizeof(float)); }
static es_extent weights_of(const es_conv_shape *s) { return es_array(area(s->oc, s->c / s->groups, s->kh, s->kw), sizeof(float)); }

void es_measure_conv(es_reader *r, es_extent *e) {
  const es_conv_shape s = read_shape(r);
  read_activation(r);
  check_conv(r, &s);
  if (r->fault) return;
  e[0] = inputs_of(&s);
  e[1] = s.packed ? (es_extent){0, (double)es_conv_packed(&s), 64} : weights_of(&s);
  if (s.packed && e[1].high == 0) r->fault = "its weights can't be packed";
  e[2] = es_array(s.oc, sizeof(float));
  e[3] = e[4] = outputs_of(&s);
}

size_t es_scratch_conv(es_reader *r) {
  const es_conv_shape s = read_shape(r);
  return es_conv_forward_scratch(&s, r->threads);
}

void es_run_conv(es_reader *r) {
  const es_conv_shape s = read_shape(r);
  es_epilogue epilogue = read_activation(r);
  const float *x = es_operand(r), *w = es_operand(r);
  epilogue.bias = es_operand(r), epilogue.residual = es_operand(r);
  float *y = es_operand(r);
  es_conv_forward(&s, x, w, epilogue, y, es_operand(r), r->pool);
}

void es_measure_conv_pack(es_reader *r, es_extent *e) {
  const es_conv_shape s = read_shape(r);
  check_conv(r, &s);
  e[0] = weights_of(&s);
}

/* Bytes of what it packs, which is no scratch; 0: not to be packed. */
size_t es_scratch_conv_pack(es_reader *r) {
  const es_conv_shape s = read_shape(r);
  return es_conv_packed(&s);
}

void es_run_conv_pack(es_reader *r) {
  const es_conv_shape s = read_shape(r);
  const float *w = es_operand(r);
  if (es_conv_packed(&s) == 0) r->fault = "weights of this shape are not to be packed";
  else es_conv_pack(&s, w, es_operand(r), r->pool);
}

void es_measure_conv_input_grad(es_reader *r, es_extent *e) {
  const es_conv_shape s = read_shape(r);
  read_activation(r);
  check_input_grad(r, &s);
  e[0] = outputs_of(&s);
  e[1] = weights_of(&s);
  e[2] = es_array(s.c, sizeof(float));
  e[3] = e[4] = inputs_of(&s);
}

size_t es_scratch_conv_input_grad(es_reader *r) {
  const es_conv_shape s = read_shape(r);
  return es_conv_input_grad_scratch(&s, r->threads);
}

void es_run_conv_input_grad(es_reader *r) {
  const es_conv_shape s = read_shape(r);
  es_epilogue epilogue = read_activation(r);
  const float *dy = es_operand(r), *w = es_operand(r);
  epilogue.bias = es_operand(r), epilogue.residual = es_operand(r);
  float *dx = es_operand(r);
  es_conv_input_grad(&s, dy, w, epilogue, dx, es_operand(r), r->pool);
}

void es_measure_conv_filter_grad(es_reader *r, es_extent *e) {
  const es_conv_shape s = read_shape(r);
  check_filter_grad(r, &s);
  e[0] = inputs_of(&s);
  e[1] = outputs_of(&s);
  e[2] = weights_of(&s);
}

size_t es_scratch_conv_filter_grad(es_reader *r) {
  const es_conv_shape s = read_shape(r);
  return es_conv_filter_grad_scratch(&s, r->threads);
}

void es_run_conv_filter_grad(es_reader *r) {
  const es_conv_shape s = read_shape(r);
  const float *x = es_operand(r), *dy = es_operand(r);
  float *dw = es_operand(r);
  es_conv_filter_grad(&s, x, dy, dw, es_operand(r), r->pool);
}

static es_pool_shape read_pool(es_reader *r) {
  es_pool_shape s;
  ES_POOL_FIELDS(ES_READ_FIELD)
  return s;
}

/* Extents of the input and the output. */
static es_pool_shape measure_pool(es_reader *r, es_extent *input, es_extent *output) {
  const es_pool_shape s = read_pool(r);
  *input = es_array(area(s.n, s.h, s.w, s.c), sizeof(float));
  *output = es_array(area(s.n, s.oh, s.ow, s.c), sizeof(float));
  if (input->high > 4.0 * ES_MOST_INT || output->high > 4.0 * ES_MOST_INT) r->fault = "it has too many elements";
  else if (!counts(s.h, s.oh, s.sh, s.kh, s.dh, (double)s.pt + s.pb) || !counts(s.w, s.ow, s.sw, s.kw, s.dw, (double)s.pl + s.pr))
    r->fault = "its windows reach too far";
  return s;
}

#define POOL(kernel, direction, name)                                                         \
  void es_run_##name(es_reader *r) {                                                          \
    const es_pool_shape s = read_pool(r);                                                     \
    const float *x = es_operand(r);                                                           \
    es_##kernel##_##direction(&s, x, es_operand(r), r->pool);                                 \
  }
POOL(max_pool, forward, max_pool)
POOL(avg_pool, forward, avg_pool)
POOL(avg_pool, backward, avg_pool_grad)

void es_measure_max_pool(es_reader *r, es_extent *e) { measure_pool(r, &e[0], &e[1]); }
void es_measure_avg_pool(es_reader *r, es_extent *e) { measure_pool(r, &e[0], &e[1]); }
void es_measure_avg_pool_grad(es_reader *r, es_extent *e) { measure_pool(r, &e[1], &e[0]); }

void es_measure_max_pool_grad(es_reader *r, es_extent *e) {
  measure_pool(r, &e[0], &e[1]);
  e[2] = e[1];
  e[3] = e[0];
}

void es_run_max_pool_grad(es_reader *r) {
  const es_pool_shape s = read_pool(r);
  const float *x = es_operand(r), *y = es_operand(r), *dy = es_operand(r);
  es_max_pool_backward(&s, x, y, dy, es_operand(r), r->pool);
}

ES_FIELDS_OF(GLOBAL_POOL, global_pool)

void es_measure_global_avg_pool(es_reader *r, es_extent *e) {
  const global_pool_fields s = read_global_pool(r);
  e[0] = es_array(area(s.n, s.pixels, 1, s.c), sizeof(float));
  e[1] = es_array(area(s.n, 1, 1, s.c), sizeof(float));
  if (e[0].high > 4.0 * ES_MOST_INT) r->fault = "it has too many elements";
}

void es_run_global_avg_pool(es_reader *r) {
  const global_pool_fields s = read_global_pool(r);
  const float *x = es_operand(r);
  es_global_avg_pool_forward(s.n, s.pixels, s.c, x, es_operand(r), r->pool);
}
