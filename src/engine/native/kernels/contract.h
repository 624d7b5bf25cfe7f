/* The contract between whoever plans programs and the kernels that run them: the fields of every kind of instruction, by name, with the
 * bounds that the kernels hold. The structs of kernels.h, the readers and checks of instructions, and what the addon tells TypeScript are made
 * of these tables; TypeScript writes fields by name and knows no positions.
 *
 * X(type, name, least, most): whole numbers of int and int64_t, any of float and double. */
#ifndef ES_CONTRACT_H
#define ES_CONTRACT_H

#include <stdint.h>

/* Axes of a strided operand once neighbours are joined. */
#define ES_MAX_DIMS 8
/* Elements of a tensor of a kernel that counts in int, with room to round up to whole tiles. */
#define ES_MOST_INT (1 << 30)
/* Strides, dilations and pads of windows, and the extents of filters. */
#define ES_MOST_STEP (1 << 20)
/* Columns of a matrix whose rows are summed or normalized: they are worked on in multiples of a vector. */
#define ES_MOST_COLUMNS (1 << 24)
/* Elements of any other, and strides: products of one with eight bytes stay far below 2^63. */
#define ES_MOST ((int64_t)1 << 40)

enum { ES_MAP_OPERANDS = 64, ES_MAP_REGISTERS = 192, ES_MAP_OPERATIONS = 256, ES_MAP_TILE = 1024 };

typedef enum { ES_FLOAT32, ES_FLOAT64, ES_INT32, ES_INT64, ES_UINT8, ES_BOOL } es_dtype;
enum { ES_DTYPES = ES_BOOL + 1 };

/* x [n, h, w, c] -> y [n, oh, ow, oc]; pt and pl are the pads before (those after follow from oh and ow). Input row of output row o
 * and tap k: o·sh - pt + k·dh. Weights [oc, c/groups, kh, kw]. `precise`: the forward pass rounds no more than a direct sum does
 * (no large Winograd tiles): in training an activation that rounds to the other side of zero changes the whole gradient behind it.
 * `packed`: the weights of a forward pass are what es_conv_pack made of them. */
#define ES_CONV_FIELDS(X)                                                                                                   \
  X(int, n, 1, ES_MOST_INT) X(int, h, 1, ES_MOST_INT) X(int, w, 1, ES_MOST_INT) X(int, c, 1, ES_MOST_INT)                   \
  X(int, oh, 1, ES_MOST_INT) X(int, ow, 1, ES_MOST_INT) X(int, oc, 1, ES_MOST_INT)                                          \
  X(int, kh, 1, ES_MOST_STEP) X(int, kw, 1, ES_MOST_STEP) X(int, sh, 1, ES_MOST_STEP) X(int, sw, 1, ES_MOST_STEP)               \
  X(int, dh, 1, ES_MOST_STEP) X(int, dw, 1, ES_MOST_STEP) X(int, pt, 0, ES_MOST_STEP) X(int, pl, 0, ES_MOST_STEP)               \
  X(int, groups, 1, ES_MOST_INT) X(int, precise, 0, 1) X(int, packed, 0, 1)

/* y = act(… + bias + residual): relu 1: max(·, 0), then at most relu_max (6 for ReLU6; 0: no bound). */
#define ES_ACTIVATION_FIELDS(X) X(int, relu, 0, 1) X(float, relu_max, 0, 3e38)

/* C[m, n] = op(A) · op(B), row-major. op(A) is m×k: A has rows of lda floats, and is stored k×m where ta is 1; likewise B with tb. */
#define ES_GEMM_FIELDS(X)                                                                                       \
  X(int, m, 1, ES_MOST_INT) X(int, n, 1, ES_MOST_INT) X(int, k, 1, ES_MOST_INT) X(int, ta, 0, 1) X(int, tb, 0, 1) \
  X(int, lda, 1, ES_MOST_INT) X(int, ldb, 1, ES_MOST_INT) X(int, ldc, 1, ES_MOST_INT)

/* With a product for each index of axes before those of the matrices. Lists: dims [rank], and the steps of A, B and C [3, rank] in floats. */
#define ES_PRODUCTS_FIELDS(X) X(int, rank, 1, ES_MAX_DIMS)

/* pt, pl, pb, pr: pads; a window's cells beyond them (ceil_mode) are never counted in an average. count_include_pad: those of the padding are. */
#define ES_POOL_FIELDS(X)                                                                                     \
  X(int, n, 1, ES_MOST_INT) X(int, h, 1, ES_MOST_INT) X(int, w, 1, ES_MOST_INT) X(int, c, 1, ES_MOST_INT)     \
  X(int, oh, 1, ES_MOST_INT) X(int, ow, 1, ES_MOST_INT) X(int, kh, 1, ES_MOST_INT) X(int, kw, 1, ES_MOST_INT) \
  X(int, sh, 1, ES_MOST_STEP) X(int, sw, 1, ES_MOST_STEP) X(int, dh, 1, ES_MOST_STEP) X(int, dw, 1, ES_MOST_STEP) \
  X(int, pt, 0, ES_MOST_STEP) X(int, pl, 0, ES_MOST_STEP) X(int, pb, 0, ES_MOST_STEP) X(int, pr, 0, ES_MOST_STEP) \
  X(int, count_include_pad, 0, 1)

/* Batch normalization over rows × c. */
#define ES_BN_FIELDS(X) X(int64_t, rows, 1, ES_MOST_INT) X(int, c, 1, ES_MOST_COLUMNS) X(float, epsilon, 0, 3e38)

/* Lists: dims [rank], then the dtype of every operand, the register of every output, the strides of every operand [operands, rank] in elements,
 * the literals, and the operations [operations, 5]: code, register written, registers read. Registers: the inputs, the literals, the rest.
 * wide: computes in double, for anything but float32 and bool. */
#define ES_MAP_FIELDS(X)                                                                                     \
  X(int, wide, 0, 1) X(int, rank, 1, ES_MAX_DIMS) X(int, inputs, 0, ES_MAP_OPERANDS)                         \
  X(int, outputs, 1, ES_MAP_OPERANDS) X(int, literals, 0, ES_MAP_OPERANDS)                                   \
  X(int, registers, 1, ES_MAP_REGISTERS) X(int, operations, 0, ES_MAP_OPERATIONS)

/* Lists: dims, from, to [rank each]: extents, and strides of x and y in elements. bytes: of an element. */
#define ES_COPY_FIELDS(X) X(int, bytes, 1, 8) X(int, rank, 1, ES_MAX_DIMS)

/* y [n, columns, rows] of x [n, rows, columns]. */
#define ES_TRANSPOSE_FIELDS(X) X(int, n, 1, ES_MOST_INT) X(int, rows, 1, ES_MOST_INT) X(int, columns, 1, ES_MOST_INT)

/* Lists: dims [rank], outermost in memory first; stride [rank] of x; to [rank] of y, which is dense: 0 along axes that are reduced.
 * split: the axis that threads share out; where it is reduced, each has sums of its own. max: else the sum over the divisor. */
#define ES_REDUCE_FIELDS(X)                                                                   \
  X(int, max, 0, 1) X(double, divisor, 1, 1e15) X(int, dtype, 0, ES_DTYPES - 1)                \
  X(int, split, 0, ES_MAX_DIMS - 1) X(int64_t, results, 1, ES_MOST) X(int, rank, 1, ES_MAX_DIMS)

#define ES_COLUMN_SUMS_FIELDS(X) X(int64_t, rows, 1, ES_MOST_INT) X(int, c, 1, ES_MOST_COLUMNS)

/* Along the middle of [outer, extent, inner]. */
#define ES_LANE_FIELDS(X) X(int64_t, outer, 0, ES_MOST) X(int64_t, extent, 1, ES_MOST) X(int64_t, inner, 0, ES_MOST)
#define ES_SOFTMAX_FIELDS(X) ES_LANE_FIELDS(X) X(int, log, 0, 1)
#define ES_ARG_MAX_FIELDS(X) ES_LANE_FIELDS(X) X(int, dtype, 0, ES_DTYPES - 1)

/* Of [outer, extent] rows of `bytes` each, those that `count` indices name. dtype: of the indices. */
#define ES_GATHER_FIELDS(X)                                                                               \
  X(int, dtype, ES_INT32, ES_INT64) X(int64_t, outer, 0, ES_MOST) X(int64_t, extent, 0, ES_MOST)          \
  X(int64_t, count, 0, ES_MOST) X(int64_t, bytes, 0, ES_MOST)
#define ES_GATHER_GRAD_FIELDS(X) \
  X(int, dtype, ES_INT32, ES_INT64) X(int64_t, rows, 0, ES_MOST) X(int64_t, count, 0, ES_MOST) X(int64_t, inner, 0, ES_MOST)
#define ES_ONE_HOT_FIELDS(X) X(int, dtype, ES_INT32, ES_UINT8) X(int64_t, count, 0, ES_MOST) X(int64_t, depth, 0, ES_MOST)

/* One axis of [outer, from, inner] becomes `to` elements; back: its gradient, y [outer, from, inner] of x [outer, to, inner]. */
#define ES_RESAMPLE_FIELDS(X)                                                                    \
  X(int, back, 0, 1) X(int64_t, outer, 0, ES_MOST) X(int64_t, from, 1, ES_MOST)                  \
  X(int64_t, to, 0, ES_MOST) X(int64_t, inner, 0, ES_MOST)

/* x [n, pixels, c] -> y [n, c]. */
#define ES_GLOBAL_POOL_FIELDS(X) X(int, n, 1, ES_MOST_INT) X(int, pixels, 1, ES_MOST_INT) X(int, c, 1, ES_MOST_INT)

#define ES_DECLARE_FIELD(type, name, least, most) type name;

#endif
