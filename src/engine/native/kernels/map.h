/* Elementwise programs: a chain of operations over one iteration space, run tile by tile in registers that stay in the
 * first cache. Operands are read through strides (0: broadcast), each value of a chain once. */
#ifndef ES_MAP_H
#define ES_MAP_H

#include "program.h"

/* Name and value, of operands a, b and c of type T (float or double); F(f) is f of that type. */
#define ES_MAP_OPERATIONS_TABLE(X)                                                                                   \
  X(copy, a)                                                                                                         \
  X(add, a + b)                                                                                                      \
  X(sub, a - b)                                                                                                      \
  X(mul, a * b)                                                                                                      \
  X(div, a / b)                                                                                                      \
  X(muladd, a * b + c)                                                                                               \
  X(min, a < b || a != a ? a : b)                                                                                    \
  X(max, a > b || a != a ? a : b)                                                                                    \
  X(equal, a == b ? (T)1 : (T)0)                                                                                     \
  X(greater, a > b ? (T)1 : (T)0)                                                                                    \
  X(less, a < b ? (T)1 : (T)0)                                                                                       \
  X(where, a != 0 ? b : c)                                                                                           \
  X(relu, a < 0 ? (T)0 : a)                                                                                          \
  X(pass, b > 0 ? a : (T)0)                                                                                          \
  X(neg, -a)                                                                                                         \
  X(abs, F(fabs)(a))                                                                                                 \
  X(sqrt, F(sqrt)(a))                                                                                                \
  X(reciprocal, 1 / a)                                                                                               \
  X(uint8, (T)(uint8_t)es_whole(a))                                                                                  \
  X(int32, (T)(int32_t)es_whole(a))                                                                                  \
  X(int64, (T)es_whole(a))                                                                                           \
  X(mul_int32, (T)(int32_t)((uint32_t)es_whole(a) * (uint32_t)es_whole(b)))                                          \
  X(truth, a != 0 ? (T)1 : (T)0)                                                                                     \
  X(exp, F(es_exp)(a))                                                                                               \
  X(tanh, F(es_tanh)(a))                                                                                             \
  X(sigmoid, F(es_sigmoid)(a))                                                                                       \
  X(log, F(log)(a))                                                                                                  \
  X(expm1, F(expm1)(a))                                                                                              \
  X(softplus, F(es_softplus)(a))                                                                                     \
  X(erf, F(erf)(a))                                                                                                  \
  X(pow, F(pow)(a, b))

#define ES_MAP_NAME(name, value) ES_MAP_##name,
typedef enum { ES_MAP_OPERATIONS_TABLE(ES_MAP_NAME) ES_MAP_CODES } es_map_code;
#undef ES_MAP_NAME

/* Cut towards zero; 0 for what is no number, or beyond all. Narrower types wrap around when they are made of it. */
static inline int64_t es_whole(double v) { return v >= -0x1p63 && v < 0x1p63 ? (int64_t)v : 0; }

typedef struct {
  char *data;
  es_dtype dtype;
  int reg; /* of an output: which register it is */
  int64_t stride[ES_MAX_DIMS]; /* in elements */
} es_map_operand;

typedef struct {
  int code, to, a, b, c;
} es_map_operation;

typedef struct {
  ES_MAP_FIELDS(ES_DECLARE_FIELD)
} es_map_fields;

/* Registers: the inputs, then the literals, then what operations write. */
struct es_map {
  es_map_fields fields;
  int64_t dims[ES_MAX_DIMS];
  es_map_operand input[ES_MAP_OPERANDS], output[ES_MAP_OPERANDS];
  double literal[ES_MAP_OPERANDS];
  es_map_operation operation[ES_MAP_OPERATIONS];
};

#endif
