/* What each kind of instruction measures and runs; operators.c is their table. A reader takes the fields and lists of an instruction apart, for its
 * check and for its run alike; operands follow. */
#ifndef ES_OPERATORS_H
#define ES_OPERATORS_H

#include "program.h"

#define ES_OPERATOR(name) void es_measure_##name(es_reader *, es_extent *); void es_run_##name(es_reader *)
#define ES_OPERATOR_WITH_SCRATCH(name) ES_OPERATOR(name); size_t es_scratch_##name(es_reader *)

/* windows.c */
ES_OPERATOR_WITH_SCRATCH(conv);
ES_OPERATOR_WITH_SCRATCH(conv_pack);
ES_OPERATOR_WITH_SCRATCH(conv_input_grad);
ES_OPERATOR_WITH_SCRATCH(conv_filter_grad);
ES_OPERATOR(max_pool);
ES_OPERATOR(max_pool_grad);
ES_OPERATOR(avg_pool);
ES_OPERATOR(avg_pool_grad);
ES_OPERATOR(global_avg_pool);

/* matrices.c */
ES_OPERATOR_WITH_SCRATCH(gemm);
ES_OPERATOR_WITH_SCRATCH(bn_forward);
ES_OPERATOR_WITH_SCRATCH(bn_backward);
ES_OPERATOR(scale_shift);
ES_OPERATOR_WITH_SCRATCH(column_sums);

/* elements.c */
ES_OPERATOR(map);
ES_OPERATOR_WITH_SCRATCH(reduce);
ES_OPERATOR(softmax);
ES_OPERATOR(arg_max);

/* move.c */
ES_OPERATOR(copy);
ES_OPERATOR(transpose);
ES_OPERATOR(gather);
ES_OPERATOR(gather_grad);
ES_OPERATOR(one_hot);
ES_OPERATOR(resample);

#endif
