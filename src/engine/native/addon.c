/* The addon: programs (kernels/program.h) that JavaScript plans, run on a thread of libuv's and those of a pool. */
#define _GNU_SOURCE
#include "contract-exports.h"

#include "kernels/map.h"
#include "kernels/program.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

enum { ALIGNMENT = 64, HUGE_PAGE = 2 << 20, TYPED_ARRAY_ALIGNMENT = 8 };

/* Threads and the memory that programs of one engine take turns with. */
typedef struct {
  es_pool *threads;
  char *arena;
  size_t arena_bytes;
  int busy;
} engine;

typedef struct {
  engine *engine;
  napi_ref owner; /* keeps the engine */
  double *words;
  int64_t word_count;
  int64_t instructions;
  char *constants;
  size_t arena_bytes;
  uint32_t inputs, outputs;
  size_t *bytes; /* of inputs, then outputs */
  double *milliseconds; /* of each instruction, summed over runs; NULL without profile */
  int released, busy;
} program;

typedef struct {
  program *program;
  char **bases;
  const char *fault;
  napi_ref values; /* keeps program, inputs and outputs */
  napi_async_work work;
  napi_deferred deferred;
} job;

static napi_value fail(napi_env env, const char *message) {
  napi_throw_error(env, NULL, message);
  return NULL;
}

/* A program that the kernels don't hold; the code tells it from other errors. */
static napi_value refuse_because(napi_env env, const char *message) {
  napi_throw_error(env, "PLAN_REFUSED", message);
  return NULL;
}

static napi_value refuse(napi_env env, const char *operation, const es_reader *reader) {
  char message[256];
  snprintf(message, sizeof message, "%s: %s%s%s", operation, reader->fault, reader->field ? ": " : "", reader->field ? reader->field : "");
  return refuse_because(env, message);
}

#define CHECK(condition, message) \
  if (!(condition)) return fail(env, message)
#define ARGUMENTS(count, usage)                                         \
  napi_value argument[count];                                           \
  size_t given = count;                                                 \
  napi_get_cb_info(env, info, &given, argument, NULL, NULL);            \
  CHECK(given >= count, "expected " usage)

static const napi_type_tag ENGINE = {0x6573656e67696e65, 1}, PROGRAM = {0x657370726f67726d, 1};

static void *unwrap(napi_env env, napi_value value, const napi_type_tag *tag) {
  bool is = false;
  void *data = NULL;
  napi_valuetype type;
  if (napi_typeof(env, value, &type) != napi_ok || type != napi_external) return NULL;
  if (napi_check_object_type_tag(env, value, tag, &is) != napi_ok || !is) return NULL;
  return napi_get_value_external(env, value, &data) == napi_ok ? data : NULL;
}

/* The bytes of a typed array. */
static int view_of(napi_env env, napi_value value, void **data, size_t *bytes) {
  static const size_t sizes[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};
  napi_typedarray_type type;
  size_t length;
  bool is = false;
  if (napi_is_typedarray(env, value, &is) != napi_ok || !is) return 0;
  if (napi_get_typedarray_info(env, value, &type, &length, data, NULL, NULL) != napi_ok) return 0;
  *bytes = length * sizes[type];
  return 1;
}

static int doubles_of(napi_env env, napi_value value, double **data, size_t *count) {
  napi_typedarray_type type;
  bool is = false;
  if (napi_is_typedarray(env, value, &is) != napi_ok || !is) return 0;
  return napi_get_typedarray_info(env, value, &type, count, (void **)data, NULL, NULL) == napi_ok &&
         type == napi_float64_array;
}

static void *aligned(size_t bytes) {
  void *memory = NULL;
  size_t alignment = bytes >= 2 * HUGE_PAGE ? HUGE_PAGE : ALIGNMENT;
  if (posix_memalign(&memory, alignment, bytes ? bytes : 1) != 0) return NULL;
#if defined(__linux__)
  if (alignment == HUGE_PAGE) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  return memory;
}

/* A pool that still computes when the process ends is left to it. */
static void free_engine(napi_env env, void *data, void *hint) {
  (void)env, (void)hint;
  engine *e = data;
  if (e->busy) return;
  es_pool_destroy(e->threads);
  free(e->arena);
  free(e);
}

/* createEngine(threads) */
static napi_value create_engine(napi_env env, napi_callback_info info) {
  ARGUMENTS(1, "createEngine(threads)");
  int32_t threads = 0;
  CHECK(napi_get_value_int32(env, argument[0], &threads) == napi_ok && threads >= 1 && threads <= 1024,
        "threads must be a whole number from 1 to 1024");
  engine *e = calloc(1, sizeof *e);
  if (e) e->threads = es_pool_create(threads);
  if (!e || !e->threads) {
    free(e);
    return fail(env, "the threads of the native engine could not be started");
  }
  napi_value value;
  napi_create_external(env, e, free_engine, NULL, &value);
  napi_type_tag_object(env, value, &ENGINE);
  return value;
}

/* scratchBytes(engine, words): of an instruction, [operation, fields and lists…] */
static napi_value scratch_bytes(napi_env env, napi_callback_info info) {
  ARGUMENTS(2, "scratchBytes(engine, words)");
  engine *e = unwrap(env, argument[0], &ENGINE);
  CHECK(e, "scratchBytes: the first argument is no engine");
  double *words;
  size_t count;
  CHECK(doubles_of(env, argument[1], &words, &count) && count >= 1, "scratchBytes: words must be a Float64Array");
  CHECK(words[0] >= 0 && words[0] < es_op_count, "scratchBytes: there is no such operation");
  const es_op *op = &es_ops[(int)words[0]];
  es_reader reader = {.word = words + 1, .end = words + count, .pool = e->threads, .threads = es_pool_threads(e->threads)};
  const double bytes = es_scratch_bytes(op, &reader);
  if (bytes < 0) return refuse(env, op->name, &reader);
  napi_value result;
  napi_create_double(env, bytes, &result);
  return result;
}

static void clear_program(napi_env env, program *p) {
  if (p->released) return;
  p->released = 1;
  free(p->words);
  free(p->constants);
  free(p->bytes);
  free(p->milliseconds);
  if (env && p->owner) napi_delete_reference(env, p->owner);
}

static void free_program(napi_env env, void *data, void *hint) {
  (void)hint;
  program *p = data;
  if (p->busy) return;
  clear_program(env, p);
  free(p);
}

/* es_check_program over all bases of a run. */
static int64_t check_words(engine *e, const double *words, int64_t count, es_base arena, es_base constants, const double *input_bytes, size_t inputs,
                           const double *output_bytes, size_t outputs, char *fault, size_t fault_bytes) {
  const size_t number = ES_FIRST_INPUT + inputs + outputs;
  es_base *bases = malloc(number * sizeof *bases);
  if (!bases) {
    snprintf(fault, fault_bytes, "out of memory");
    return -1;
  }
  bases[0] = arena;
  bases[1] = constants;
  for (size_t i = 0; i < inputs; i++) bases[ES_FIRST_INPUT + i] = (es_base){(size_t)input_bytes[i], TYPED_ARRAY_ALIGNMENT, 0};
  for (size_t i = 0; i < outputs; i++) bases[ES_FIRST_INPUT + inputs + i] = (es_base){(size_t)output_bytes[i], TYPED_ARRAY_ALIGNMENT, 1};
  const int64_t instructions = es_check_program(words, count, bases, (int)number, e->threads, fault, fault_bytes);
  free(bases);
  return instructions;
}

/* createProgram(engine, words, constants: Uint8Array, arenaBytes, inputBytes: Float64Array, outputBytes, profile, setupWords, sources: Uint8Array,
 * packedBytes): runs the setup at once, which reads sources (as base 0) and fills the packed bytes behind the constants. */
static napi_value create_program(napi_env env, napi_callback_info info) {
  ARGUMENTS(10, "createProgram(engine, words, constants, arenaBytes, inputBytes, outputBytes, profile, setupWords, sources, packedBytes)");
  engine *e = unwrap(env, argument[0], &ENGINE);
  CHECK(e, "createProgram: the first argument is no engine");
  CHECK(!e->busy, "createProgram: the engine is running");
  double *words, *input_bytes, *output_bytes, *setup_words, arena_bytes = -1, packed_bytes = -1;
  size_t word_count, inputs, outputs, constant_bytes, setup_count, source_bytes;
  void *constants, *sources;
  bool profile = false;
  CHECK(doubles_of(env, argument[1], &words, &word_count), "createProgram: words must be a Float64Array");
  CHECK(view_of(env, argument[2], &constants, &constant_bytes), "createProgram: constants must be a typed array");
  CHECK(napi_get_value_double(env, argument[3], &arena_bytes) == napi_ok && arena_bytes >= 0 && arena_bytes < 1e15,
        "createProgram: arenaBytes must be a number from 0");
  CHECK(doubles_of(env, argument[4], &input_bytes, &inputs), "createProgram: inputBytes must be a Float64Array");
  CHECK(doubles_of(env, argument[5], &output_bytes, &outputs), "createProgram: outputBytes must be a Float64Array");
  napi_get_value_bool(env, argument[6], &profile);
  CHECK(doubles_of(env, argument[7], &setup_words, &setup_count), "createProgram: setupWords must be a Float64Array");
  CHECK(view_of(env, argument[8], &sources, &source_bytes), "createProgram: sources must be a typed array");
  CHECK(napi_get_value_double(env, argument[9], &packed_bytes) == napi_ok && packed_bytes >= 0 && packed_bytes < 1e15,
        "createProgram: packedBytes must be a number from 0");
  const size_t memory_bytes = constant_bytes + (size_t)packed_bytes;
  char fault[256];
  const es_base setup_bases[ES_FIRST_INPUT] = {{source_bytes, TYPED_ARRAY_ALIGNMENT, 0}, {memory_bytes, ALIGNMENT, 1}};
  if (es_check_program(setup_words, (int64_t)setup_count, setup_bases, ES_FIRST_INPUT, e->threads, fault, sizeof fault) < 0)
    return refuse_because(env, fault);
  const int64_t instructions = check_words(e, words, (int64_t)word_count, (es_base){(size_t)arena_bytes, ALIGNMENT, 1},
                                           (es_base){memory_bytes, ALIGNMENT, 0}, input_bytes, inputs, output_bytes, outputs, fault, sizeof fault);
  if (instructions < 0) return refuse_because(env, fault);

  program *p = calloc(1, sizeof *p);
  CHECK(p, "out of memory");
  p->engine = e;
  p->word_count = (int64_t)word_count;
  p->instructions = instructions;
  p->arena_bytes = (size_t)arena_bytes;
  p->inputs = (uint32_t)inputs;
  p->outputs = (uint32_t)outputs;
  p->words = malloc((word_count + 1) * sizeof *p->words);
  p->constants = aligned(memory_bytes);
  p->bytes = malloc((inputs + outputs + 1) * sizeof *p->bytes);
  p->milliseconds = profile ? calloc((size_t)instructions + 1, sizeof *p->milliseconds) : NULL;
  if (!p->words || !p->constants || !p->bytes || (profile && !p->milliseconds)) {
    clear_program(NULL, p);
    free(p);
    return fail(env, "out of memory for the constants of a program");
  }
  memcpy(p->words, words, word_count * sizeof *words);
  memcpy(p->constants, constants, constant_bytes);
  for (size_t i = 0; i < inputs; i++) p->bytes[i] = (size_t)input_bytes[i];
  for (size_t i = 0; i < outputs; i++) p->bytes[inputs + i] = (size_t)output_bytes[i];
  char *const bases[ES_FIRST_INPUT] = {sources, p->constants};
  const char *unpacked = es_run_program(setup_words, (int64_t)setup_count, bases, e->threads, NULL);
  if (unpacked) {
    clear_program(NULL, p);
    free(p);
    return refuse_because(env, unpacked);
  }
  napi_create_reference(env, argument[0], 1, &p->owner);
  napi_value value;
  napi_create_external(env, p, free_program, NULL, &value);
  napi_type_tag_object(env, value, &PROGRAM);
  return value;
}

/* On a thread of libuv's. */
static void execute(napi_env env, void *data) {
  (void)env;
  job *j = data;
  program *p = j->program;
  engine *e = p->engine;
  if (e->arena_bytes < p->arena_bytes) {
    free(e->arena);
    e->arena = aligned(p->arena_bytes);
    e->arena_bytes = e->arena ? p->arena_bytes : 0;
    if (!e->arena) {
      j->fault = "out of memory for what a run keeps";
      return;
    }
  }
  j->bases[0] = e->arena;
  j->fault = es_run_program(p->words, p->word_count, j->bases, e->threads, p->milliseconds);
}

static void finish(napi_env env, napi_status status, void *data) {
  job *j = data;
  program *p = j->program;
  p->busy = p->engine->busy = 0;
  napi_value result;
  if (status == napi_ok && !j->fault) {
    napi_get_undefined(env, &result);
    napi_resolve_deferred(env, j->deferred, result);
  } else {
    napi_value message;
    napi_create_string_utf8(env, j->fault ? j->fault : "the run was cancelled", NAPI_AUTO_LENGTH, &message);
    napi_create_error(env, NULL, message, &result);
    napi_reject_deferred(env, j->deferred, result);
  }
  napi_delete_reference(env, j->values);
  napi_delete_async_work(env, j->work);
  free(j->bases);
  free(j);
}

/* Reads an array of typed arrays of the planned sizes into `bases`. Gives 0 where one isn't. */
static int read_values(napi_env env, napi_value list, uint32_t count, const size_t *bytes, char **bases) {
  uint32_t length = 0;
  bool is = false;
  if (napi_is_array(env, list, &is) != napi_ok || !is) return 0;
  napi_get_array_length(env, list, &length);
  if (length != count) return 0;
  for (uint32_t i = 0; i < count; i++) {
    napi_value value;
    void *data;
    size_t size;
    napi_get_element(env, list, i, &value);
    if (!view_of(env, value, &data, &size) || size != bytes[i]) return 0;
    bases[i] = data;
  }
  return 1;
}

/* run(program, inputs: TypedArray[], outputs: TypedArray[]): Promise<void> */
static napi_value run(napi_env env, napi_callback_info info) {
  ARGUMENTS(3, "run(program, inputs, outputs)");
  program *p = unwrap(env, argument[0], &PROGRAM);
  CHECK(p, "run: the first argument is no program");
  CHECK(!p->released, "run: the program has been released");
  CHECK(!p->engine->busy, "run: the engine is running already");
  job *j = calloc(1, sizeof *j);
  char **bases = calloc(ES_FIRST_INPUT + p->inputs + p->outputs, sizeof *bases);
  if (!j || !bases) {
    free(j);
    free(bases);
    return fail(env, "out of memory");
  }
  bases[1] = p->constants;
  const char *wrong = NULL;
  if (!read_values(env, argument[1], p->inputs, p->bytes, bases + ES_FIRST_INPUT))
    wrong = "run: the inputs are not typed arrays of the planned sizes";
  else if (!read_values(env, argument[2], p->outputs, p->bytes + p->inputs, bases + ES_FIRST_INPUT + p->inputs))
    wrong = "run: the outputs are not typed arrays of the planned sizes";
  if (wrong) {
    free(j);
    free(bases);
    return fail(env, wrong);
  }
  j->program = p;
  j->bases = bases;
  napi_value kept, promise, name;
  napi_create_array_with_length(env, 3, &kept);
  for (uint32_t i = 0; i < 3; i++) napi_set_element(env, kept, i, argument[i]);
  napi_create_reference(env, kept, 1, &j->values);
  napi_create_promise(env, &j->deferred, &promise);
  napi_create_string_utf8(env, "espalier", NAPI_AUTO_LENGTH, &name);
  napi_create_async_work(env, NULL, name, execute, finish, j, &j->work);
  p->busy = p->engine->busy = 1;
  napi_queue_async_work(env, j->work);
  return promise;
}

/* release(program) */
static napi_value release(napi_env env, napi_callback_info info) {
  ARGUMENTS(1, "release(program)");
  program *p = unwrap(env, argument[0], &PROGRAM);
  CHECK(p, "release: the argument is no program");
  CHECK(!p->busy, "release: the program is running");
  clear_program(env, p);
  return NULL;
}

/* trim(engine): gives the memory back that runs kept. */
static napi_value trim(napi_env env, napi_callback_info info) {
  ARGUMENTS(1, "trim(engine)");
  engine *e = unwrap(env, argument[0], &ENGINE);
  CHECK(e, "trim: the argument is no engine");
  CHECK(!e->busy, "trim: the engine is running");
  free(e->arena);
  e->arena = NULL;
  e->arena_bytes = 0;
  return NULL;
}

/* milliseconds(program): of each instruction, summed over runs. */
static napi_value milliseconds(napi_env env, napi_callback_info info) {
  ARGUMENTS(1, "milliseconds(program)");
  program *p = unwrap(env, argument[0], &PROGRAM);
  CHECK(p && !p->released && p->milliseconds, "milliseconds: the argument is no program with a profile");
  napi_value list;
  napi_create_array_with_length(env, (size_t)p->instructions, &list);
  for (int64_t i = 0; i < p->instructions; i++) {
    napi_value value;
    napi_create_double(env, p->milliseconds[i], &value);
    napi_set_element(env, list, (uint32_t)i, value);
  }
  return list;
}

static void export_function(napi_env env, napi_value exports, const char *name, napi_callback callback) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, NULL, &function);
  napi_set_named_property(env, exports, name, function);
}

NAPI_MODULE_INIT() {
  export_function(env, exports, "createEngine", create_engine);
  export_function(env, exports, "scratchBytes", scratch_bytes);
  export_function(env, exports, "createProgram", create_program);
  export_function(env, exports, "run", run);
  export_function(env, exports, "release", release);
  export_function(env, exports, "trim", trim);
  export_function(env, exports, "milliseconds", milliseconds);
  es_export_contract(env, exports);
  napi_value isa;
  napi_create_string_utf8(env, es_isa(), NAPI_AUTO_LENGTH, &isa);
  napi_set_named_property(env, exports, "isa", isa);
  return exports;
}
