/* Chooses, at load time, the version of every kernel for the processor at hand. build.mjs defines ES_HAS_<level> for the
 * levels that were compiled; a level's functions are the list of kernels.h with its suffix. */
#include "kernels.h"

#include <string.h>

/* The pointers themselves. */
#define ES_KERNEL(result, name, ...) result (*name)(__VA_ARGS__)
#include "kernels.h"
#undef ES_KERNEL

/* The functions of each level, under their suffixed names. */
#ifdef ES_HAS_avx512
#define ES_KERNEL(result, name, ...) result name##_avx512(__VA_ARGS__)
#include "kernels.h"
#undef ES_KERNEL
#endif
#ifdef ES_HAS_avx2
#define ES_KERNEL(result, name, ...) result name##_avx2(__VA_ARGS__)
#include "kernels.h"
#undef ES_KERNEL
#endif
#ifdef ES_HAS_sse2
#define ES_KERNEL(result, name, ...) result name##_sse2(__VA_ARGS__)
#include "kernels.h"
#undef ES_KERNEL
#endif
#ifdef ES_HAS_generic
#define ES_KERNEL(result, name, ...) result name##_generic(__VA_ARGS__)
#include "kernels.h"
#undef ES_KERNEL
#endif

#ifdef ES_HAS_avx512
static int has_avx512(void) {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("fma");
}
static void use_avx512(void) {
#define ES_KERNEL(result, name, ...) name = name##_avx512
#include "kernels.h"
#undef ES_KERNEL
}
#endif
#ifdef ES_HAS_avx2
static int has_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
static void use_avx2(void) {
#define ES_KERNEL(result, name, ...) name = name##_avx2
#include "kernels.h"
#undef ES_KERNEL
}
#endif
#if defined(ES_HAS_sse2) || defined(ES_HAS_generic)
static int has_always(void) { return 1; }
#endif
#ifdef ES_HAS_sse2
static void use_sse2(void) {
#define ES_KERNEL(result, name, ...) name = name##_sse2
#include "kernels.h"
#undef ES_KERNEL
}
#endif
#ifdef ES_HAS_generic
static void use_generic(void) {
#define ES_KERNEL(result, name, ...) name = name##_generic
#include "kernels.h"
#undef ES_KERNEL
}
#endif

/* Best first. */
static const struct {
  const char *name;
  int (*supported)(void);
  void (*use)(void);
} levels[] = {
#ifdef ES_HAS_avx512
    {"avx512", has_avx512, use_avx512},
#endif
#ifdef ES_HAS_avx2
    {"avx2", has_avx2, use_avx2},
#endif
#ifdef ES_HAS_sse2
    {"sse2", has_always, use_sse2},
#endif
#ifdef ES_HAS_generic
    {"generic", has_always, use_generic},
#endif
};
enum { LEVELS = sizeof levels / sizeof levels[0] };

static const char *selected;

const char *es_isa(void) { return selected; }

int es_select_isa(const char *name) {
  for (int level = 0; level < LEVELS; level++) {
    if (strcmp(levels[level].name, name) != 0 || !levels[level].supported()) continue;
    levels[level].use();
    selected = levels[level].name;
    return 1;
  }
  return 0;
}

__attribute__((constructor)) static void select_best(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_cpu_init();
#endif
  int level = 0;
  while (level < LEVELS - 1 && !levels[level].supported()) level++;
  levels[level].use();
  selected = levels[level].name;
}
