/* Programs: their check, and the loop that runs them. */
#include "operators.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { WORTH_SHARING = 16384, MOST_LIST = 5 * ES_MAP_OPERATIONS };

void es_parallel(es_pool *pool, int64_t work, void (*task)(void *, int, int), void *arg) {
  if (work < WORTH_SHARING) task(arg, 0, 1);
  else es_pool_run(pool, task, arg);
}

static int is_whole(double v, double least, double most) { return v >= least && v <= most && v == floor(v); }

static const double *words_of(es_reader *r, int64_t count, int whole, double least, double most) {
  static const double zeros[MOST_LIST];
  const double *list = r->word;
  if (r->end) {
    if (r->fault || count > r->end - r->word || count > MOST_LIST) {
      if (!r->fault) r->fault = "a list is too short";
      return zeros;
    }
    for (int64_t i = 0; i < count; i++) {
      if (whole ? is_whole(list[i], least, most) : isfinite(list[i])) continue;
      r->fault = "a list has a number out of its bounds";
      return zeros;
    }
  }
  r->word += count;
  return list;
}

const double *es_list(es_reader *r, int64_t count, double least, double most) { return words_of(r, count, 1, least, most); }
const double *es_numbers(es_reader *r, int64_t count) { return words_of(r, count, 0, 0, 0); }

es_extent es_strided(int rank, const int64_t *dims, const int64_t *strides, size_t bytes) {
  es_extent e = {0, (double)bytes, (int)bytes};
  for (int d = 0; d < rank; d++) {
    if (dims[d] == 0) return (es_extent){0, 0, (int)bytes};
    double reach = (double)(dims[d] - 1) * (double)strides[d] * (double)bytes;
    if (reach < 0) e.low += reach;
    else e.high += reach;
  }
  return e;
}

/* How many operands a row of the table stands for. */
static int operands_of(const es_op *op, const es_operand_spec *spec, const double *fields) {
  if (!spec->count) return 1;
  for (int i = 0; i < op->field_count; i++)
    if (strcmp(op->fields[i].name, spec->count) == 0) return (int)fields[i];
  return 0;
}

static int fields_hold(const es_op *op, es_reader *r) {
  if (r->end - r->word < op->field_count) {
    r->fault = "fields are missing";
    return 0;
  }
  for (int i = 0; i < op->field_count; i++) {
    const es_field *field = &op->fields[i];
    const double v = r->word[i];
    if (field->whole ? is_whole(v, field->least, field->most) : v >= field->least && v <= field->most) continue;
    r->fault = "a field is out of its bounds";
    r->field = field->name;
    return 0;
  }
  return 1;
}

int es_measure(const es_op *op, es_reader *r, es_extent *extents) {
  r->fault = r->field = NULL;
  if (!fields_hold(op, r)) return -1;
  const double *fields = r->word;
  int operands = 0;
  for (int i = 0; i < op->operand_count; i++) operands += operands_of(op, &op->operands[i], fields);
  op->measure(r, extents);
  if (r->fault) return -1;
  if (op->scratch) {
    const double *behind = r->word;
    r->word = fields;
    extents[operands - 1] = (es_extent){0, (double)op->scratch(r), 64};
    r->word = behind;
  }
  return operands;
}

double es_scratch_bytes(const es_op *op, es_reader *r) {
  es_extent extents[ES_MOST_OPERANDS];
  const int operands = es_measure(op, r, extents);
  if (operands < 0) return -1;
  return op->scratch ? extents[operands - 1].high : 0;
}

/* Why an operand may not lie there; NULL where it may. */
static const char *misplaced(const es_operand_spec *spec, const double *pair, es_extent e, const es_base *bases, int base_count) {
  if (pair[0] == -1 && spec->optional) return NULL;
  if (!is_whole(pair[0], 0, base_count - 1)) return "there is no such base";
  const es_base *base = &bases[(int)pair[0]];
  if (!is_whole(pair[1], 0, 9e15) || e.alignment > base->alignment || fmod(pair[1], e.alignment) != 0) return "it is not aligned";
  if (strcmp(spec->access, "read") != 0 && !base->writable) return "its base is not to be written";
  if (e.low == 0 && e.high == 0) return NULL;
  return pair[1] + e.low < 0 || pair[1] + e.high > (double)base->bytes ? "it reaches out of its base" : NULL;
}

/* Says what is wrong with one instruction. Gives 0 where nothing is. */
static int check_instruction(const es_op *op, es_reader *r, const es_base *bases, int base_count, char *fault, size_t fault_bytes) {
  es_extent extents[ES_MOST_OPERANDS];
  const double *fields = r->word;
  const int operands = es_measure(op, r, extents);
  if (operands < 0) return snprintf(fault, fault_bytes, "%s: %s %s", op->name, r->fault, r->field ? r->field : "");
  if (r->end - r->word != 2 * operands) return snprintf(fault, fault_bytes, "%s: it has other operands than its fields say", op->name);
  for (int row = 0, i = 0; row < op->operand_count; row++) {
    const es_operand_spec *spec = &op->operands[row];
    for (int end = i + operands_of(op, spec, fields); i < end; i++) {
      const char *why = misplaced(spec, r->word + 2 * i, extents[i], bases, base_count);
      if (why) return snprintf(fault, fault_bytes, "%s: operand %s: %s", op->name, spec->name, why);
    }
  }
  return 0;
}

int64_t es_check_program(const double *words, int64_t count, const es_base *bases, int base_count, es_pool *pool, char *fault, size_t fault_bytes) {
  int64_t instructions = 0;
  for (int64_t at = 0; at < count; instructions++) {
    if (count - at < 2 || !is_whole(words[at], 0, es_op_count - 1) || !is_whole(words[at + 1], 0, (double)(count - at - 2))) {
      snprintf(fault, fault_bytes, "the words are no instructions");
      return -1;
    }
    const double *first = words + at + 2, *end = first + (int64_t)words[at + 1];
    es_reader reader = {.word = first, .end = end, .pool = pool, .threads = es_pool_threads(pool)};
    if (check_instruction(&es_ops[(int)words[at]], &reader, bases, base_count, fault, fault_bytes)) return -1;
    at = end - words;
  }
  return instructions;
}

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

const char *es_run_program(const double *words, int64_t count, char *const *bases, es_pool *pool, double *milliseconds) {
  es_reader reader = {.bases = bases, .pool = pool, .threads = es_pool_threads(pool)};
  int64_t instruction = 0;
  for (const double *word = words, *end = word + count; word < end && !reader.fault; instruction++) {
    reader.word = word + 2;
    double start = milliseconds ? now() : 0;
    es_ops[(int)word[0]].run(&reader);
    if (milliseconds) milliseconds[instruction] += now() - start;
    word += 2 + (int64_t)word[1];
  }
  return reader.fault;
}
