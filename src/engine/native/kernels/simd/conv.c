/* Convolutions, forward and of input gradients, as window products: one for each group; and for the gradient of a strided convolution, one for
 * each phase of the stride, with the taps that reach it. */
#include "depthwise.h"
#include "winograd.h"

static int is_depthwise(const es_conv_shape *s) { return s->groups == s->c && s->oc == s->c && s->groups > 1; }

static long group_weights(const es_conv_shape *s) { return (long)(s->oc / s->groups) * (s->c / s->groups) * s->kh * s->kw; }

/* Of one group; of all channels when they are convolved one by one. */
static window_product forward_product(const es_conv_shape *s) {
  int parts = is_depthwise(s) ? 1 : s->groups;
  return (window_product){
      .n = s->n, .h = s->h, .w = s->w, .c = s->c / parts, .pixel = s->c,
      .gh = s->oh, .gw = s->ow, .out_n = (long)s->oh * s->ow * s->oc, .out_y = (long)s->ow * s->oc, .out_x = s->oc,
      .step_y = s->sh, .step_x = s->sw, .taps_y = s->kh, .taps_x = s->kw,
      .first_y = -s->pt, .first_x = -s->pl, .gap_y = s->dh, .gap_x = s->dw, .oc = s->oc / parts,
      .precise = s->precise, .packed = s->packed,
  };
}

static size_t window_scratch(const window_product *p, int threads) {
  int size = ES_FN(winograd_size)(p);
  return size ? ES_FN(winograd_scratch)(p, size, threads) : ES_FN(product_scratch)(p, threads);
}

/* Of one group, by the tile size; see winograd_size. */
static size_t window_packed(const window_product *p, int size) { return size ? ES_FN(winograd_packed)(p, size) : ES_FN(product_packed)(p); }

static void window_run(const window_product *p, int size, const float *x, weight_view w, es_epilogue e, float *y, void *scratch, es_pool *pool) {
  if (size) ES_FN(winograd_run)(p, size, x, w, e, y, scratch, pool);
  else ES_FN(product_run)(p, x, w, e, y, scratch, pool);
}

size_t ES_FN(es_conv_forward_scratch)(const es_conv_shape *shape, int threads) {
  window_product p = forward_product(shape);
  return is_depthwise(shape) ? ES_FN(depthwise_scratch)(&p) : window_scratch(&p, threads);
}

/* As the IR has them. */
static weight_view forward_weights(const es_conv_shape *s, const float *w, int group) {
  const long kernel = (long)s->kh * s->kw;
  return (weight_view){w + group * group_weights(s), s->kw, 1, kernel, s->c / s->groups * kernel};
}

static window_product packed_product(const es_conv_shape *shape) {
  window_product p = forward_product(shape);
  p.packed = 1;
  return p;
}

size_t ES_FN(es_conv_packed)(const es_conv_shape *shape) {
  if (is_depthwise(shape)) return 0;
  window_product p = packed_product(shape);
  return window_packed(&p, ES_FN(winograd_size)(&p)) * (size_t)shape->groups;
}

void ES_FN(es_conv_pack)(const es_conv_shape *shape, const float *w, void *packed, es_pool *pool) {
  const window_product p = packed_product(shape);
  const int size = ES_FN(winograd_size)(&p);
  const size_t floats = window_packed(&p, size) / sizeof *w;
  for (int g = 0; g < shape->groups; g++) {
    float *to = (float *)packed + (size_t)g * floats;
    if (size) ES_FN(winograd_pack)(&p, size, forward_weights(shape, w, g), to, pool);
    else ES_FN(product_pack)(&p, forward_weights(shape, w, g), to, pool);
  }
}

void ES_FN(es_conv_forward)(const es_conv_shape *shape, const float *x, const float *w, es_epilogue epilogue, float *y,
                            void *scratch, es_pool *pool) {
  window_product p = forward_product(shape);
  if (is_depthwise(shape)) {
    ES_FN(depthwise_run)(&p, x, forward_weights(shape, w, 0), epilogue, y, scratch, pool);
    return;
  }
  const int size = ES_FN(winograd_size)(&p);
  const size_t floats = shape->packed ? window_packed(&p, size) / sizeof *w : 0;
  for (int g = 0; g < shape->groups; g++) {
    const weight_view view = shape->packed ? (weight_view){.origin = w + (size_t)g * floats} : forward_weights(shape, w, g);
    es_epilogue e = epilogue;
    if (e.bias) e.bias += g * p.oc;
    if (e.residual) e.residual += g * p.oc;
    window_run(&p, size, x + g * p.c, view, e, y + g * p.oc, scratch, pool);
  }
}

/* The taps k of one axis that reach the inputs i = start + q·stride: those with (start + pad - k·dilation) a multiple of the stride. For i they
 * read output q + first, q + first + gap, …; the first of them is tap `tap`, each next one `tap_step` before. */
typedef struct {
  int taps, first, gap, tap, tap_step;
} phase;

static phase phase_of(int start, int stride, int pad, int dilation, int kernel) {
  phase p = {0, 0, 1, 0, 0};
  for (int k = kernel - 1; k >= 0; k--) {
    int reach = start + pad - k * dilation;
    if (reach % stride) continue;
    if (p.taps == 0) p.tap = k, p.first = reach / stride;
    if (p.taps == 1) p.tap_step = p.tap - k, p.gap = reach / stride - p.first;
    p.taps++;
  }
  return p;
}

/* The window product of the inputs (start_y + a·sh, start_x + b·sw), and the tap its first one is. */
static window_product phase_product(const es_conv_shape *s, int start_y, int start_x, phase *y, phase *x) {
  *y = phase_of(start_y, s->sh, s->pt, s->dh, s->kh);
  *x = phase_of(start_x, s->sw, s->pl, s->dw, s->kw);
  if (y->taps == 0 || x->taps == 0) y->taps = x->taps = 0;
  int parts = is_depthwise(s) ? 1 : s->groups;
  return (window_product){
      .n = s->n, .h = s->oh, .w = s->ow, .c = s->oc / parts, .pixel = s->oc,
      .gh = (s->h - start_y + s->sh - 1) / s->sh, .gw = (s->w - start_x + s->sw - 1) / s->sw,
      .out_n = (long)s->h * s->w * s->c, .out_y = (long)s->sh * s->w * s->c, .out_x = (long)s->sw * s->c,
      .step_y = 1, .step_x = 1, .taps_y = y->taps, .taps_x = x->taps,
      .first_y = y->first, .first_x = x->first, .gap_y = y->gap, .gap_x = x->gap, .oc = s->c / parts,
      .precise = s->oc / parts < 24, /* of few channels the large Winograd tile rounds more than 3 times as much as a direct sum */
  };
}

size_t ES_FN(es_conv_input_grad_scratch)(const es_conv_shape *shape, int threads) {
  size_t most = 0;
  phase y, x;
  for (int py = 0; py < shape->sh && py < shape->h; py++) {
    for (int px = 0; px < shape->sw && px < shape->w; px++) {
      window_product p = phase_product(shape, py, px, &y, &x);
      size_t bytes = is_depthwise(shape) ? ES_FN(depthwise_scratch)(&p) : window_scratch(&p, threads);
      if (bytes > most) most = bytes;
    }
  }
  return most;
}

void ES_FN(es_conv_input_grad)(const es_conv_shape *shape, const float *dy, const float *w, es_epilogue epilogue, float *dx,
                               void *scratch, es_pool *pool) {
  const es_conv_shape *s = shape;
  const long kernel = (long)s->kh * s->kw;
  phase y, x;
  for (int py = 0; py < s->sh && py < s->h; py++) {
    for (int px = 0; px < s->sw && px < s->w; px++) {
      window_product p = phase_product(s, py, px, &y, &x);
      long corner = ((long)py * s->w + px) * s->c;
      if (is_depthwise(s)) {
        es_epilogue e = epilogue;
        if (e.residual) e.residual += corner;
        weight_view view = {w + (long)y.tap * s->kw + x.tap, -(long)y.tap_step * s->kw, -(long)x.tap_step, kernel, 0};
        ES_FN(depthwise_run)(&p, dy, view, e, dx + corner, scratch, pool);
        continue;
      }
      const int size = ES_FN(winograd_size)(&p);
      for (int g = 0; g < s->groups; g++) {
        const float *origin = w + g * group_weights(s) + (long)y.tap * s->kw + x.tap;
        weight_view view = {origin, -(long)y.tap_step * s->kw, -(long)x.tap_step, p.oc * kernel, kernel};
        es_epilogue e = epilogue;
        if (e.bias) e.bias += g * p.oc;
        if (e.residual) e.residual += corner + g * p.oc;
        window_run(&p, size, dy + g * p.c, view, e, dx + corner + g * p.oc, scratch, pool);
      }
    }
  }
}
