/* 3×3 convolutions of stride 1 by Winograd's method: forward and input gradients as window products, and filter gradients. */
#ifndef ES_WINOGRAD_H
#define ES_WINOGRAD_H

#include "product.h"

/* The tile size (inputs along an axis: 4 or 6) by which a window product is cheapest; 0: not by Winograd. */
int ES_FN(winograd_size)(const window_product *product);
size_t ES_FN(winograd_scratch)(const window_product *product, int size, int threads);
size_t ES_FN(winograd_packed)(const window_product *product, int size); /* bytes of its weights, transformed */
void ES_FN(winograd_pack)(const window_product *product, int size, weight_view weights, float *packed, es_pool *pool);
void ES_FN(winograd_run)(const window_product *product, int size, const float *x, weight_view weights, es_epilogue epilogue, float *y,
                         void *scratch, es_pool *pool);

/* Likewise for the filter gradient of a shape with one group. */
int ES_FN(winograd_filter_grad_size)(const es_conv_shape *shape, int threads);
size_t ES_FN(winograd_filter_grad_scratch)(const es_conv_shape *shape, int size, int threads);
void ES_FN(winograd_filter_grad)(const es_conv_shape *shape, int size, const float *x, const float *dy, float *dw, void *scratch,
                                 es_pool *pool);

#endif
