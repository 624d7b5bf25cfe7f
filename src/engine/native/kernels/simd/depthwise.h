/* Convolutions with a filter for each channel (groups = c = oc). */
#ifndef ES_DEPTHWISE_H
#define ES_DEPTHWISE_H

#include "product.h"

/* As product_run, but output channel o reads channel o alone: c = pixel = oc, and view.in is the distance of two channels' filters. */
size_t ES_FN(depthwise_scratch)(const window_product *product);
void ES_FN(depthwise_run)(const window_product *product, const float *x, weight_view weights, es_epilogue epilogue, float *y,
                          void *scratch, es_pool *pool);

size_t ES_FN(depthwise_filter_grad_scratch)(const es_conv_shape *shape, int threads);
void ES_FN(depthwise_filter_grad)(const es_conv_shape *shape, const float *x, const float *dy, float *dw, void *scratch, es_pool *pool);

#endif
