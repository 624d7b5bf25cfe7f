/* Programs: a flat list of instructions over one arena. An instruction is a run of doubles (whole numbers below 2^53,
 * or attributes): operands first, as pairs (base, byte offset), then what its op reads with es_word. */
#ifndef ES_PROGRAM_H
#define ES_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "kernels.h"

#define ES_MAX_DIMS 8

typedef enum { ES_FLOAT32, ES_FLOAT64, ES_INT32, ES_INT64, ES_UINT8, ES_BOOL } es_dtype;

static const size_t es_dtype_bytes[] = {4, 8, 4, 8, 1, 1};

/* What an instruction reads its words with. */
typedef struct {
  const double *word;
  char *const *bases; /* arena (while a program is made: the sources of what is packed), constants, then inputs and outputs; NULL while scratch is being sized */
  es_pool *pool;
  int threads;
  const char *fault; /* what an instruction found wrong with its data; NULL where it did not */
} es_reader;

static inline int64_t es_word(es_reader *r) { return (int64_t)*r->word++; }
static inline double es_number(es_reader *r) { return *r->word++; }

/* An operand; NULL for base -1, an absent one. */
static inline void *es_operand(es_reader *r) {
  int64_t base = es_word(r);
  int64_t offset = es_word(r);
  return base < 0 || !r->bases ? NULL : r->bases[base] + offset;
}

typedef struct {
  const char *name;
  void (*run)(es_reader *);
  /* Bytes of scratch, the words being those after the scratch operand (of a `…_pack`: what it fills); NULL: none, and no scratch operand. */
  size_t (*scratch)(es_reader *);
} es_op;

extern const es_op es_ops[];
extern const int es_op_count;

/* The share of `count` units that falls to a thread: [*from, *to). */
static inline void es_share(int64_t count, int thread, int threads, int64_t *from, int64_t *to) {
  *from = count * thread / threads;
  *to = count * (thread + 1) / threads;
}

/* Runs a task on all threads, or on the caller's alone where `work` (elements touched, or so) is too little to share. */
void es_parallel(es_pool *pool, int64_t work, void (*task)(void *, int, int), void *arg);

#endif
