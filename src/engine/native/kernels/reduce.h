/* Sums and maxima over some axes of a strided tensor. */
#ifndef ES_REDUCE_H
#define ES_REDUCE_H

#include "program.h"

struct es_reduce {
  int max; /* else the sum */
  double divisor;
  es_dtype dtype; /* of x and y */
  int rank;
  int64_t dims[ES_MAX_DIMS];    /* outermost in memory first */
  int64_t stride[ES_MAX_DIMS];  /* of x */
  int64_t to[ES_MAX_DIMS];      /* of y, which is dense: 0 along axes that are reduced */
  int split; /* the axis that threads share out; where it is reduced, each has sums of its own */
  int64_t results;
  const char *x;
  char *y;
  double *sums;
};

#endif
