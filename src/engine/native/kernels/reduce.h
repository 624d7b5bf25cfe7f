/* Sums and maxima over some axes of a strided tensor. */
#ifndef ES_REDUCE_H
#define ES_REDUCE_H

#include "program.h"

typedef struct {
  ES_REDUCE_FIELDS(ES_DECLARE_FIELD)
} es_reduce_fields;

struct es_reduce {
  es_reduce_fields fields; /* dtype: of x and y */
  int64_t dims[ES_MAX_DIMS];
  int64_t stride[ES_MAX_DIMS];
  int64_t to[ES_MAX_DIMS];
  const char *x;
  char *y;
  double *sums;
};

#endif
