/* Programs: a flat list of instructions over one arena. An instruction is a run of doubles: [operation, count of what follows,
 * fields (contract.h), lists, operands as pairs (base, byte offset)]. Programs are checked whole before they are run, and run without checks. */
#ifndef ES_PROGRAM_H
#define ES_PROGRAM_H

#include <stddef.h>
#include <stdint.h>

#include "kernels.h"

static const size_t es_dtype_bytes[] = {4, 8, 4, 8, 1, 1};

/* Where operands lie: the arena (while a program is made: the sources of what is packed), constants, then inputs and outputs. */
enum { ES_FIRST_INPUT = 2 };

typedef struct {
  size_t bytes;
  int alignment;
  int writable;
} es_base;

/* What an instruction's words are read with. */
typedef struct {
  const double *word;
  const double *end;  /* of the instruction's words, while they are checked; NULL while they are run */
  char *const *bases; /* NULL while they are checked */
  es_pool *pool;
  int threads;
  const char *fault; /* what is wrong with the words, or with the data that a run met; NULL: nothing */
  const char *field; /* of a fault: the field that is out of its bounds, or NULL */
} es_reader;

/* Bytes that an operand takes: from its address + low up to its address + high; the alignment of its address. */
typedef struct {
  double low, high;
  int alignment;
} es_extent;

enum { ES_MOST_OPERANDS = 2 * ES_MAP_OPERANDS };

typedef struct {
  const char *name;
  double least, most;
  int whole;
} es_field;

typedef struct {
  const char *name;
  const char *access; /* "read", "write" or "scratch" (which comes last) */
  const char *dtype;  /* of its elements; "any": the instruction says which, or moves bytes */
  const char *count;  /* the field that says how many there are; NULL: one */
  int optional;
} es_operand_spec;

/* A kind of instruction. */
typedef struct {
  const char *name;
  const es_field *fields;
  int field_count;
  const char *const *lists;
  int list_count;
  const es_operand_spec *operands;
  int operand_count;
  /* Reads fields and lists, says what is wrong with them, and what each operand takes but for scratch. */
  void (*measure)(es_reader *, es_extent *);
  /* Bytes of the last operand: of scratch, or of what a `…_pack` fills. NULL: it has neither. */
  size_t (*scratch)(es_reader *);
  void (*run)(es_reader *);
} es_op;

extern const es_op es_ops[];
extern const int es_op_count;

/* Bytes of an instruction's scratch, by its fields and lists; -1 with reader->fault set where they are wrong. Leaves the reader behind them. */
double es_scratch_bytes(const es_op *op, es_reader *reader);

/* Checks an instruction's fields and lists, from the reader's place to its end, and says what each operand takes; gives their number, or -1 with
 * reader->fault set. Leaves the reader at the operands. */
int es_measure(const es_op *op, es_reader *reader, es_extent *extents);

/* The number of instructions of a program that are all in their bounds, each operand in its base; -1 where one isn't, and `fault` says why. */
int64_t es_check_program(const double *words, int64_t count, const es_base *bases, int base_count, es_pool *pool, char *fault, size_t fault_bytes);

/* Runs a checked program until an instruction finds a fault in its data, which it gives. milliseconds: of each instruction, added to; or NULL. */
const char *es_run_program(const double *words, int64_t count, char *const *bases, es_pool *pool, double *milliseconds);

/* Words in turn: those of fields and lists, checked by `es_measure` alone. */
static inline double es_number(es_reader *r) { return *r->word++; }
static inline int64_t es_word(es_reader *r) { return (int64_t)*r->word++; }

/* `count` words of a list. While they are checked: whole numbers from least to most, else the fault is set, and zeros come in their place. */
const double *es_list(es_reader *r, int64_t count, double least, double most);
/* The same of any finite numbers. */
const double *es_numbers(es_reader *r, int64_t count);

/* An operand; NULL for base -1, an absent one. */
static inline void *es_operand(es_reader *r) {
  int64_t base = es_word(r);
  int64_t offset = es_word(r);
  return base < 0 ? NULL : r->bases[base] + offset;
}

/* What an array of `count` elements takes. */
static inline es_extent es_array(double count, size_t bytes) {
  return (es_extent){0, count * (double)bytes, (int)bytes};
}

/* What elements at strides take. */
es_extent es_strided(int rank, const int64_t *dims, const int64_t *strides, size_t bytes);

/* Reads the fields of a table into a struct. */
#define ES_READ_FIELD(type, name, least, most) s.name = (type)*r->word++;
/* The struct of a table, and how it is read. */
#define ES_FIELDS_OF(TABLE, name)                                  \
  typedef struct {                                              \
    ES_##TABLE##_FIELDS(ES_DECLARE_FIELD)                       \
  } name##_fields;                                              \
  static name##_fields read_##name(es_reader *r) {              \
    name##_fields s;                                            \
    ES_##TABLE##_FIELDS(ES_READ_FIELD)                          \
    return s;                                                   \
  }

#define ES_FIELD_ROW(type, name, least, most) {#name, (double)(least), (double)(most), ES_WHOLE_##type},
#define ES_WHOLE_int 1
#define ES_WHOLE_int64_t 1
#define ES_WHOLE_float 0
#define ES_WHOLE_double 0

/* The share of `count` units that falls to a thread: [*from, *to). */
static inline void es_share(int64_t count, int thread, int threads, int64_t *from, int64_t *to) {
  *from = count * thread / threads;
  *to = count * (thread + 1) / threads;
}

/* Runs a task on all threads, or on the caller's alone where `work` (elements touched, or so) is too little to share. */
void es_parallel(es_pool *pool, int64_t work, void (*task)(void *, int, int), void *arg);

#endif
