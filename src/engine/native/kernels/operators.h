/* What each kind of instruction runs. Operands come first; where a kernel needs scratch, it is the last of them. */
#ifndef ES_OPERATORS_H
#define ES_OPERATORS_H

#include "map.h"
#include "reduce.h"

void es_run_copy(es_reader *);
void es_run_transpose(es_reader *);
void es_run_gather(es_reader *);
void es_run_gather_grad(es_reader *);
void es_run_one_hot(es_reader *);
void es_run_resample(es_reader *);
void es_run_arg_max(es_reader *);

#endif
