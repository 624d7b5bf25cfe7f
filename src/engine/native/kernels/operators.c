/* The table of instructions: by name, with their fields (contract.h), lists and operands. TypeScript writes them by these names. */
#include "operators.h"

#include "map.h"

#define FIELDS(name, ...) static const es_field name##_fields[] = {__VA_ARGS__}
FIELDS(map, ES_MAP_FIELDS(ES_FIELD_ROW));
FIELDS(copy, ES_COPY_FIELDS(ES_FIELD_ROW));
FIELDS(transpose, ES_TRANSPOSE_FIELDS(ES_FIELD_ROW));
FIELDS(reduce, ES_REDUCE_FIELDS(ES_FIELD_ROW));
FIELDS(column_sums, ES_COLUMN_SUMS_FIELDS(ES_FIELD_ROW));
FIELDS(softmax, ES_SOFTMAX_FIELDS(ES_FIELD_ROW));
FIELDS(arg_max, ES_ARG_MAX_FIELDS(ES_FIELD_ROW));
FIELDS(gather, ES_GATHER_FIELDS(ES_FIELD_ROW));
FIELDS(gather_grad, ES_GATHER_GRAD_FIELDS(ES_FIELD_ROW));
FIELDS(one_hot, ES_ONE_HOT_FIELDS(ES_FIELD_ROW));
FIELDS(resample, ES_RESAMPLE_FIELDS(ES_FIELD_ROW));
FIELDS(gemm, ES_GEMM_FIELDS(ES_FIELD_ROW) ES_ACTIVATION_FIELDS(ES_FIELD_ROW) ES_PRODUCTS_FIELDS(ES_FIELD_ROW));
FIELDS(conv, ES_CONV_FIELDS(ES_FIELD_ROW) ES_ACTIVATION_FIELDS(ES_FIELD_ROW));
FIELDS(conv_shape, ES_CONV_FIELDS(ES_FIELD_ROW));
FIELDS(norm, ES_BN_FIELDS(ES_FIELD_ROW) ES_ACTIVATION_FIELDS(ES_FIELD_ROW));
FIELDS(pool, ES_POOL_FIELDS(ES_FIELD_ROW));
FIELDS(global_pool, ES_GLOBAL_POOL_FIELDS(ES_FIELD_ROW));

#define LISTS(name, ...) static const char *const name##_lists[] = {__VA_ARGS__}
LISTS(map, "dims", "dtypes", "results", "strides", "literals", "operations");
LISTS(copy, "dims", "from", "to");
LISTS(reduce, "dims", "stride", "to");
LISTS(gemm, "dims", "steps");

#define READS(own, type) {.name = #own, .access = "read", .dtype = type}
#define MAY_READ(own, type) {.name = #own, .access = "read", .dtype = type, .optional = 1}
#define WRITES(own, type) {.name = #own, .access = "write", .dtype = type}
#define MAY_WRITE(own, type) {.name = #own, .access = "write", .dtype = type, .optional = 1}
#define SCRATCH {.name = "scratch", .access = "scratch", .dtype = "any"}
#define OPERANDS(name, ...) static const es_operand_spec name##_operands[] = {__VA_ARGS__}
OPERANDS(map, {.name = "inputs", .access = "read", .dtype = "any", .count = "inputs"}, {.name = "outputs", .access = "write", .dtype = "any", .count = "outputs"});
OPERANDS(moved, READS(x, "any"), WRITES(y, "any"));
OPERANDS(floats, READS(x, "float32"), WRITES(y, "float32"));
OPERANDS(reduce, READS(x, "any"), WRITES(y, "any"), SCRATCH);
OPERANDS(column_sums, READS(x, "float32"), WRITES(y, "float32"), SCRATCH);
OPERANDS(arg_max, READS(x, "any"), WRITES(y, "int64"));
OPERANDS(gather, READS(x, "any"), READS(indices, "any"), WRITES(y, "any"));
OPERANDS(gather_grad, READS(dy, "float32"), READS(indices, "any"), WRITES(dx, "float32"));
OPERANDS(one_hot, READS(labels, "any"), WRITES(y, "float32"));
OPERANDS(resample, READS(x, "float32"), READS(samples, "float64"), WRITES(y, "float32"));
OPERANDS(gemm, READS(a, "float32"), READS(b, "float32"), MAY_READ(bias, "float32"), MAY_READ(residual, "float32"), WRITES(y, "float32"), SCRATCH);
OPERANDS(conv, READS(x, "float32"), READS(w, "any"), MAY_READ(bias, "float32"), MAY_READ(residual, "float32"), WRITES(y, "float32"), SCRATCH);
OPERANDS(conv_pack, READS(w, "float32"), WRITES(packed, "any"));
OPERANDS(conv_filter_grad, READS(x, "float32"), READS(dy, "float32"), WRITES(dw, "float32"), SCRATCH);
OPERANDS(bn_forward, READS(x, "float32"), READS(scale, "float32"), READS(shift, "float32"), MAY_READ(residual, "float32"), WRITES(y, "float32"),
         WRITES(mean, "float32"), WRITES(variance, "float32"), SCRATCH);
OPERANDS(bn_backward, READS(dy, "float32"), MAY_READ(y, "float32"), READS(x, "float32"), READS(scale, "float32"), READS(mean, "float32"),
         READS(variance, "float32"), WRITES(dx, "float32"), MAY_WRITE(dresidual, "float32"), WRITES(dscale, "float32"), WRITES(dshift, "float32"),
         SCRATCH);
OPERANDS(scale_shift, READS(x, "float32"), READS(scale, "float32"), READS(shift, "float32"), MAY_READ(residual, "float32"), WRITES(y, "float32"));
OPERANDS(max_pool_grad, READS(x, "float32"), READS(y, "float32"), READS(dy, "float32"), WRITES(dx, "float32"));

#define COUNT(list) (int)(sizeof list / sizeof *list)
#define OP(own, its_fields, its_operands)                                                                                               \
  .name = #own, .fields = its_fields##_fields, .field_count = COUNT(its_fields##_fields), .operands = its_operands##_operands,            \
  .operand_count = COUNT(its_operands##_operands), .measure = es_measure_##own, .run = es_run_##own
#define WITH_LISTS(own) .lists = own##_lists, .list_count = COUNT(own##_lists)
#define WITH_SCRATCH(own) .scratch = es_scratch_##own

const es_op es_ops[] = {
    {OP(map, map, map), WITH_LISTS(map)},
    {OP(copy, copy, moved), WITH_LISTS(copy)},
    {OP(transpose, transpose, floats)},
    {OP(reduce, reduce, reduce), WITH_LISTS(reduce), WITH_SCRATCH(reduce)},
    {OP(column_sums, column_sums, column_sums), WITH_SCRATCH(column_sums)},
    {OP(softmax, softmax, floats)},
    {OP(arg_max, arg_max, arg_max)},
    {OP(gather, gather, gather)},
    {OP(gather_grad, gather_grad, gather_grad)},
    {OP(one_hot, one_hot, one_hot)},
    {OP(resample, resample, resample)},
    {OP(gemm, gemm, gemm), WITH_LISTS(gemm), WITH_SCRATCH(gemm)},
    {OP(conv, conv, conv), WITH_SCRATCH(conv)},
    {OP(conv_pack, conv_shape, conv_pack), WITH_SCRATCH(conv_pack)},
    {OP(conv_input_grad, conv, conv), WITH_SCRATCH(conv_input_grad)},
    {OP(conv_filter_grad, conv_shape, conv_filter_grad), WITH_SCRATCH(conv_filter_grad)},
    {OP(bn_forward, norm, bn_forward), WITH_SCRATCH(bn_forward)},
    {OP(bn_backward, norm, bn_backward), WITH_SCRATCH(bn_backward)},
    {OP(scale_shift, norm, scale_shift)},
    {OP(max_pool, pool, floats)},
    {OP(max_pool_grad, pool, max_pool_grad)},
    {OP(avg_pool, pool, floats)},
    {OP(avg_pool_grad, pool, floats)},
    {OP(global_avg_pool, global_pool, floats)},
};

const int es_op_count = COUNT(es_ops);
