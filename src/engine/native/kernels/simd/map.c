#include "../map.h"

#include "map-math.h"

#if defined(__clang__)
#define ES_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define ES_INDEPENDENT _Pragma("GCC ivdep")
#endif

#define T float
#define F(name) name##f
#define NAME(name) name##_float
#define IS_PLAIN(dtype) ((dtype) == ES_FLOAT32)
#include "map-tile.h"
#undef T
#undef F
#undef NAME
#undef IS_PLAIN

#define T double
#define F(name) name
#define NAME(name) name##_double
#define IS_PLAIN(dtype) ((dtype) == ES_FLOAT64)
#include "map-tile.h"

void ES_FN(es_map_run)(const es_map *map, es_pool *pool) {
  int64_t elements = 1;
  for (int d = 0; d < map->fields.rank; d++) elements *= map->dims[d];
  if (elements > 0) es_parallel(pool, elements * (map->fields.operations + 1), map->fields.wide ? run_double : run_float, (void *)map);
}
