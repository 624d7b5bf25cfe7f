/* Attacks the contract between plans and kernels: whatever the check of a program lets through must run within its own memory. Built with the
 * address and undefined-behaviour sanitizers; every operand has a block of its own, of exactly the bytes that the check asks for.
 *   words-check random SEED CASES SECONDS [ISA]   random instructions of every kind, CASES of each or as many as SECONDS take; then raw words
 *   words-check replay FILE [ISA]                 the programs of a file (see recording-addon.ts), instruction by instruction */
#include "map.h"
#include "program.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static uint64_t state;
static uint32_t next(void) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 33);
}
static int pick(int low, int high) { return low + (int)(next() % (uint32_t)(high - low + 1)); }

static es_pool *pools[4];
enum { MOST_WORDS = 1 << 12, MOST_BYTES = 1 << 22 };

/* ---- Blocks: one a stretch of memory that operands share. ---- */

typedef struct {
  double low, high; /* of the addresses that lie in it */
  char *memory;     /* that of low */
  void *allocated;
} block;

static block allocate(double low, double high, int alignment) {
  const size_t bytes = (size_t)(high - low), lead = (size_t)(fmod(fmod(low, alignment) + alignment, alignment));
  void *memory = NULL;
  if (posix_memalign(&memory, 64, bytes + lead ? bytes + lead : 1) != 0) abort();
  char *start = (char *)memory + lead;
  for (size_t i = 0; i < bytes; i++) start[i] = (char)next();
  if (pick(0, 3)) /* mostly numbers that computing ends with */
    for (size_t i = 0; i + 4 <= bytes; i += 4) {
      const float f = (float)pick(-4, 4);
      const int32_t whole = pick(0, 3);
      memcpy(start + i, pick(0, 1) ? (const void *)&f : (const void *)&whole, 4);
    }
  return (block){low, high, start, memory};
}

/* ---- Random instructions. ---- */

static double random_field(const es_field *field, int small) {
  if (pick(0, 60) == 0) return field->most;
  if (pick(0, 60) == 0) return field->least;
  if (field->whole && pick(0, 40) == 0) return floor(field->most / (double)(1 << pick(0, 14))) + pick(-2, 0);
  if (pick(0, 200) == 0) return (double)next() * (double)pick(-2, 2);
  if (!field->whole) return field->least + pick(0, 2) * 0.5;
  const double v = field->least + pick(0, small);
  return v > field->most ? field->most : v;
}

typedef struct {
  long tried, ran, faults;
} tally;

static int field_of(const es_op *op, const char *name) {
  for (int i = 0; i < op->field_count; i++)
    if (strcmp(op->fields[i].name, name) == 0) return i;
  abort();
}

/* Elementwise programs of random words hardly ever hold: mostly they are made of what may stand there. */
static void plausible_map(const es_op *op, double *words) {
  double *f[] = {&words[field_of(op, "wide")],     &words[field_of(op, "rank")],      &words[field_of(op, "inputs")],   &words[field_of(op, "outputs")],
                 &words[field_of(op, "literals")], &words[field_of(op, "registers")], &words[field_of(op, "operations")]};
  const int rank = pick(1, 4), inputs = pick(0, 4), outputs = pick(1, 3), literals = pick(0, 2), first = inputs + literals, registers = first + pick(1, 5);
  const int operations = pick(0, 8), tiles = pick(0, 2);
  const double values[] = {pick(0, 1), rank, inputs, outputs, literals, registers, operations};
  for (int i = 0; i < 7; i++) *f[i] = values[i];
  double *word = words + op->field_count;
  double dims[4];
  for (int d = 0; d < rank; d++) *word++ = dims[d] = tiles && d >= rank - 2 ? pick(1, tiles == 1 ? 40 : 1100 / pick(1, 9)) : pick(1, 4);
  for (int i = 0; i < inputs + outputs; i++) *word++ = pick(0, ES_DTYPES - 1);
  for (int i = 0; i < outputs; i++) *word++ = pick(first, registers - 1);
  for (int i = 0; i < inputs + outputs; i++) {
    double step = 1;
    double *strides = word;
    word += rank;
    for (int d = rank - 1; d >= 0; d--) {
      strides[d] = pick(0, 2) ? step : i < inputs ? pick(-2, 2) : step;
      step *= dims[d];
    }
  }
  for (int i = 0; i < literals; i++) *word++ = pick(-3, 3);
  for (int i = 0; i < operations; i++) {
    *word++ = pick(0, ES_MAP_CODES - 1);
    *word++ = pick(first, registers - 1);
    for (int k = 0; k < 3; k++) *word++ = pick(0, registers - 1);
  }
  if (pick(0, 3) == 0) words[pick(0, (int)(word - words) - 1)] = pick(-1, 40);
}

/* Rows of matrices that don't overlap. */
static void plausible_gemm(const es_op *op, double *words) {
  const int m = field_of(op, "m"), ta = field_of(op, "ta"), lda = field_of(op, "lda");
  words[lda] = (words[ta] ? words[m] : words[m + 2]) + pick(0, 2);
  words[lda + 1] = (words[ta + 1] ? words[m + 2] : words[m + 1]) + pick(0, 2);
  words[lda + 2] = words[m + 1] + pick(0, 2);
}

/* Each present operand in a block of its own; the address -1 for absent ones. */
static void run_alone(const es_op *op, const double *words, int64_t numbers, int operands, const es_extent *extents, const int *absent, es_pool *pool, tally *t) {
  static double own[MOST_WORDS];
  block blocks[ES_MOST_OPERANDS];
  char *bases[ES_MOST_OPERANDS];
  es_base sizes[ES_MOST_OPERANDS];
  memcpy(own, words, (size_t)numbers * sizeof *own);
  for (int i = 0; i < operands; i++) {
    blocks[i] = allocate(extents[i].low, extents[i].high, extents[i].alignment);
    bases[i] = blocks[i].memory;
    const double offset = -extents[i].low;
    sizes[i] = (es_base){(size_t)(extents[i].high - extents[i].low), 64, 1};
    own[numbers + 2 * i] = absent[i] ? -1 : i;
    own[numbers + 2 * i + 1] = absent[i] ? 0 : offset;
  }
  static double program[MOST_WORDS];
  const int64_t count = numbers + 2 * operands;
  program[0] = (double)(op - es_ops), program[1] = (double)count;
  memcpy(program + 2, own, (size_t)count * sizeof *own);
  char fault[256];
  if (es_check_program(program, count + 2, sizes, operands, pool, fault, sizeof fault) == 1) {
    t->ran++;
    if (es_run_program(program, count + 2, bases, pool, NULL)) t->faults++;
  }
  /* One byte less anywhere has to be refused. */
  for (int i = 0; i < operands; i++) {
    if (absent[i] || sizes[i].bytes == 0) continue;
    sizes[i].bytes--;
    if (es_check_program(program, count + 2, sizes, operands, pool, fault, sizeof fault) != -1) {
      printf("%s: an operand %d that is a byte too short is taken\n", op->name, i);
      exit(1);
    }
    sizes[i].bytes++;
  }
  for (int i = 0; i < operands; i++) free(blocks[i].allocated);
}

/* Steps and pads of windows: large ones cost nothing by themselves. */
static int is_distance(const char *name) {
  static const char *const names[] = {"sh", "sw", "dh", "dw", "pt", "pl", "pb", "pr", "lda", "ldb", "ldc"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcmp(names[i], name) == 0) return 1;
  return 0;
}

static void random_instruction(const es_op *op, tally *t) {
  static double words[MOST_WORDS];
  static const int spreads[] = {1, 2, 3, 4, 8, 16, 40};
  const int small = spreads[next() % 7], spread = spreads[next() % 7];
  es_pool *pool = pools[pick(1, 3)];
  for (int i = 0; i < op->field_count; i++) words[i] = random_field(&op->fields[i], small);
  for (int i = op->field_count; i < MOST_WORDS / 2; i++) words[i] = pick(0, 300) ? pick(pick(0, 6) ? 0 : -spread, spread) : NAN;
  if (strcmp(op->name, "map") == 0 && pick(0, 7)) plausible_map(op, words);
  if (strcmp(op->name, "gemm") == 0 && pick(0, 7)) plausible_gemm(op, words);
  t->tried++;
  es_extent extents[ES_MOST_OPERANDS];
  es_reader reader = {.word = words, .end = words + MOST_WORDS / 2, .pool = pool, .threads = es_pool_threads(pool)};
  const int operands = es_measure(op, &reader, extents);
  if (operands < 0) return;
  /* What takes too long or too much memory for a test: the check doesn't bound time. */
  double bytes = 0, work = 1;
  for (int i = 0; i < operands; i++) bytes += extents[i].high - extents[i].low;
  for (int i = 0; i < op->field_count; i++) work *= op->fields[i].whole && words[i] > 1 && !is_distance(op->fields[i].name) ? words[i] : 1;
  for (int i = op->field_count; i < reader.word - words && i < op->field_count + ES_MAX_DIMS; i++) work *= words[i] > 1 ? words[i] : 1;
  if (!(bytes < MOST_BYTES) || (work > 1e8 && strcmp(op->name, "map") != 0)) return;
  int absent[ES_MOST_OPERANDS] = {0};
  for (int i = 0; i < op->operand_count; i++) absent[i] = op->operands[i].optional && pick(0, 1);
  run_alone(op, words, reader.word - words, operands, extents, absent, pool, t);
}

/* Words that are nothing: the check must end, and what it takes for a program must run. */
static void raw_words(tally *t) {
  static double words[256];
  const int count = pick(0, 255);
  for (int i = 0; i < count; i++) {
    const int kind = pick(0, 9);
    words[i] = kind == 0 ? NAN : kind == 1 ? INFINITY : kind == 2 ? -1 : kind == 3 ? 1e18 * pick(-1, 1) : kind == 4 ? 0.5 : pick(0, kind * 6);
  }
  static double memory[4][4096];
  char *bases[4];
  es_base sizes[4];
  for (int i = 0; i < 4; i++) bases[i] = (char *)memory[i], sizes[i] = (es_base){sizeof memory[i], 8, i != 1};
  char fault[256];
  t->tried++;
  if (es_check_program(words, count, sizes, 4, pools[1], fault, sizeof fault) < 0) return;
  t->ran++;
  if (es_run_program(words, count, bases, pools[1], NULL)) t->faults++;
}

static void attack(uint64_t seed, long cases, double seconds) {
  const time_t start = time(NULL);
  tally tallies[64] = {{0}}, raw = {0};
  long round = 0;
  for (; round < cases || (seconds > 0 && difftime(time(NULL), start) < seconds); round++) {
    for (int i = 0; i < es_op_count; i++) {
      state = seed * 1000003 + (uint64_t)i * 7919 + (uint64_t)round * 104729;
      for (int warm = 0; warm < 4; warm++) next();
      random_instruction(&es_ops[i], &tallies[i]);
    }
    raw_words(&raw);
  }
  for (int i = 0; i < es_op_count; i++) {
    printf("%s: %ld tried, %ld ran, %ld with faults in their data, on %s\n", es_ops[i].name, tallies[i].tried, tallies[i].ran, tallies[i].faults, es_isa());
    if (round >= 200 && tallies[i].ran == 0) {
      printf("%s: none of its instructions ran\n", es_ops[i].name);
      exit(1);
    }
  }
  printf("raw words: %ld tried, %ld ran\n", raw.tried, raw.ran);
}

/* ---- Programs of a file. ---- */

static double read_number(FILE *f) {
  double number;
  if (fread(&number, sizeof number, 1, f) != 1) exit((printf("the file ends early\n"), 1));
  return number;
}

static char *read_bytes(FILE *f, size_t bytes) {
  void *memory = NULL;
  if (posix_memalign(&memory, 64, bytes ? bytes : 1) != 0) abort();
  if (bytes && fread(memory, bytes, 1, f) != 1) exit((printf("the file ends early\n"), 1));
  return memory;
}

/* Operands that share memory (in place) share a block; each block is as large as its operands. What an instruction writes goes back. */
static void run_isolated(const es_op *op, const double *first, int64_t count, char *const *bases, es_pool *pool) {
  es_extent extents[ES_MOST_OPERANDS];
  es_reader reader = {.word = first, .end = first + count, .pool = pool, .threads = es_pool_threads(pool)};
  const int operands = es_measure(op, &reader, extents);
  const int64_t numbers = reader.word - first;
  if (operands < 0) exit((printf("%s: %s\n", op->name, reader.fault), 1));
  block blocks[ES_MOST_OPERANDS];
  int base_of[ES_MOST_OPERANDS], block_of[ES_MOST_OPERANDS], number = 0;
  for (int i = 0; i < operands; i++) {
    const double base = first[numbers + 2 * i], at = first[numbers + 2 * i + 1];
    block_of[i] = -1;
    if (base < 0) continue;
    double low = at + extents[i].low, high = at + extents[i].high;
    /* Joined with every block that it overlaps. */
    int own = number++;
    base_of[own] = (int)base;
    for (int b = 0; b < own; b++) {
      if (base_of[b] != (int)base || blocks[b].high <= low || high <= blocks[b].low) continue;
      low = low < blocks[b].low ? low : blocks[b].low;
      high = high > blocks[b].high ? high : blocks[b].high;
      for (int k = 0; k < i; k++)
        if (block_of[k] == b) block_of[k] = own;
      base_of[b] = -1;
    }
    blocks[own] = (block){low, high, NULL, NULL};
    block_of[i] = own;
  }
  static double program[MOST_WORDS];
  char *own_bases[ES_MOST_OPERANDS];
  program[0] = (double)(op - es_ops), program[1] = (double)count;
  memcpy(program + 2, first, (size_t)count * sizeof *first);
  for (int b = 0; b < number; b++) {
    if (base_of[b] < 0) continue;
    const double low = blocks[b].low, high = blocks[b].high;
    blocks[b] = allocate(low, high, 64);
    memcpy(blocks[b].memory, bases[base_of[b]] + (size_t)low, (size_t)(high - low));
    own_bases[b] = blocks[b].memory;
  }
  for (int i = 0; i < operands; i++) {
    if (block_of[i] < 0) continue;
    program[2 + numbers + 2 * i] = block_of[i];
    program[2 + numbers + 2 * i + 1] -= blocks[block_of[i]].low;
  }
  const char *fault = es_run_program(program, count + 2, own_bases, pool, NULL);
  if (fault) exit((printf("%s: %s\n", op->name, fault), 1));
  for (int b = 0; b < number; b++) {
    if (base_of[b] < 0) continue;
    memcpy(bases[base_of[b]] + (size_t)blocks[b].low, blocks[b].memory, (size_t)(blocks[b].high - blocks[b].low));
    free(blocks[b].allocated);
  }
}

/* Of each program: threads, the number of bases and of words; of each base its bytes, and what lies there; the words. */
static void replay(const char *path) {
  FILE *f = fopen(path, "rb");
  if (!f) exit((printf("there is no file %s\n", path), 1));
  const long programs = (long)read_number(f);
  long instructions = 0;
  for (long p = 0; p < programs; p++) {
    const int threads = (int)read_number(f), bases = (int)read_number(f);
    const int64_t words = (int64_t)read_number(f);
    char *memory[256];
    if (threads < 1 || threads > 3 || bases > 256) exit((printf("program %ld has %d threads and %d bases\n", p, threads, bases), 1));
    for (int b = 0; b < bases; b++) {
      const size_t bytes = (size_t)read_number(f);
      memory[b] = read_bytes(f, bytes);
    }
    double *program = (double *)read_bytes(f, (size_t)words * sizeof *program);
    for (const double *word = program; word < program + words; word += 2 + (int64_t)word[1], instructions++)
      run_isolated(&es_ops[(int)word[0]], word + 2, (int64_t)word[1], memory, pools[threads]);
    for (int b = 0; b < bases; b++) free(memory[b]);
    free(program);
  }
  fclose(f);
  printf("replayed %ld instructions of %ld programs on %s\n", instructions, programs, es_isa());
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  for (int threads = 1; threads <= 3; threads++) pools[threads] = es_pool_create(threads);
  const int is_replay = argc > 2 && strcmp(argv[1], "replay") == 0;
  const char *isa = is_replay ? (argc > 3 ? argv[3] : NULL) : argc > 5 ? argv[5] : NULL;
  if (isa && !es_select_isa(isa)) {
    printf("skipped: this processor or build has no %s\n", isa);
    return 0;
  }
  if (is_replay) replay(argv[2]);
  else attack(argc > 2 ? strtoull(argv[2], NULL, 10) : 1, argc > 3 ? atol(argv[3]) : 200, argc > 4 ? atof(argv[4]) : 0);
  for (int threads = 1; threads <= 3; threads++) es_pool_destroy(pools[threads]);
  return 0;
}
