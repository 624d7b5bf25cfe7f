/* The body of map.c for one type of registers: T, F(name), NAME(name), and IS_PLAIN(dtype), whose data are registers as
 * they stand. Included twice. */

/* One operation over n elements. Registers are equal or apart, so elements don't depend on each other. */
static void NAME(operate)(const es_map_operation *op, T *to, const T *x, const T *y, const T *z, int64_t n) {
  switch (op->code) {
#define ES_MAP_CASE(name, value)                   \
  case ES_MAP_##name:                              \
    ES_INDEPENDENT for (int64_t i = 0; i < n; i++) { \
      T a = x[i], b = y[i], c = z[i];              \
      (void)b, (void)c;                            \
      to[i] = value;                               \
    }                                              \
    break;
    ES_MAP_OPERATIONS_TABLE(ES_MAP_CASE)
#undef ES_MAP_CASE
  }
}

#define ES_COPY_IN(type)                                                                      \
  for (int64_t r = 0; r < rows; r++) {                                                        \
    const type *from = (const type *)data + r * down;                                         \
    T *row = to + r * columns;                                                                \
    if (across == 1)                                                                          \
      for (int64_t i = 0; i < columns; i++) row[i] = (T)from[i];                              \
    else if (across == 0)                                                                     \
      for (int64_t i = 0; i < columns; i++) row[i] = (T)from[0];                              \
    else                                                                                      \
      for (int64_t i = 0; i < columns; i++) row[i] = (T)from[i * across];                     \
  }                                                                                           \
  break;

static void NAME(copy_in)(T *to, const char *data, es_dtype dtype, int64_t rows, int64_t columns, int64_t down,
                          int64_t across) {
  switch (dtype) {
    case ES_FLOAT32: ES_COPY_IN(float)
    case ES_FLOAT64: ES_COPY_IN(double)
    case ES_INT32: ES_COPY_IN(int32_t)
    case ES_INT64: ES_COPY_IN(int64_t)
    case ES_UINT8:
    case ES_BOOL: ES_COPY_IN(uint8_t)
  }
}
#undef ES_COPY_IN

#define ES_COPY_OUT(type, value)                                                              \
  for (int64_t r = 0; r < rows; r++) {                                                        \
    type *to = (type *)data + r * down;                                                       \
    const T *row = from + r * columns;                                                        \
    for (int64_t i = 0; i < columns; i++) {                                                   \
      T v = row[i];                                                                           \
      to[i * across] = value;                                                                 \
    }                                                                                         \
  }                                                                                           \
  break;

static void NAME(copy_out)(const T *from, char *data, es_dtype dtype, int64_t rows, int64_t columns, int64_t down,
                           int64_t across) {
  switch (dtype) {
    case ES_FLOAT32: ES_COPY_OUT(float, (float)v)
    case ES_FLOAT64: ES_COPY_OUT(double, (double)v)
    case ES_INT32: ES_COPY_OUT(int32_t, (int32_t)es_whole(v))
    case ES_INT64: ES_COPY_OUT(int64_t, es_whole(v))
    case ES_UINT8: ES_COPY_OUT(uint8_t, (uint8_t)es_whole(v))
    case ES_BOOL: ES_COPY_OUT(uint8_t, v != 0)
  }
}
#undef ES_COPY_OUT

static void NAME(run)(void *arg, int thread, int threads) {
  const es_map *m = arg;
  const es_map_fields f = m->fields;
  const int rank = f.rank;
  const int64_t columns = m->dims[rank - 1];
  const int64_t rows = rank > 1 ? m->dims[rank - 2] : 1;
  const int64_t wide = columns < ES_MAP_TILE ? columns : ES_MAP_TILE;
  int64_t high = ES_MAP_TILE / wide;
  if (high > rows) high = rows;
  const int64_t down_tiles = (rows + high - 1) / high, across_tiles = (columns + wide - 1) / wide;
  int64_t outer = 1;
  for (int d = 0; d < rank - 2; d++) outer *= m->dims[d];

  char memory[(size_t)f.registers * ES_MAP_TILE * sizeof(T) + 64];
  T(*own)[ES_MAP_TILE] = (T(*)[ES_MAP_TILE])(memory + (64 - (uintptr_t)memory % 64));
  T *reg[ES_MAP_REGISTERS];
  /* Of an input that repeats from tile to tile: what its register holds. */
  const char *held[ES_MAP_OPERANDS] = {0};
  int64_t held_rows[ES_MAP_OPERANDS] = {0}, held_columns[ES_MAP_OPERANDS] = {0};
  for (int i = 0; i < f.registers; i++) reg[i] = own[i];
  for (int i = 0; i < f.literals; i++) {
    T *to = own[f.inputs + i];
    for (int64_t k = 0; k < wide * high; k++) to[k] = (T)m->literal[i];
  }

  int64_t from, end;
  es_share(outer * down_tiles * across_tiles, thread, threads, &from, &end);
  for (int64_t unit = from; unit < end; unit++) {
    int64_t column = unit % across_tiles * wide;
    int64_t row = unit / across_tiles % down_tiles * high;
    int64_t block = unit / across_tiles / down_tiles;
    int64_t c = columns - column < wide ? columns - column : wide;
    int64_t r = rows - row < high ? rows - row : high;
    int64_t at[ES_MAX_DIMS];
    for (int d = rank - 3; d >= 0; d--) {
      at[d] = block % m->dims[d];
      block /= m->dims[d];
    }
    if (rank > 1) at[rank - 2] = row;
    at[rank - 1] = column;

    for (int i = 0; i < f.inputs; i++) {
      const es_map_operand *x = &m->input[i];
      int64_t offset = 0;
      for (int d = 0; d < rank; d++) offset += at[d] * x->stride[d];
      const char *data = x->data + offset * (int64_t)es_dtype_bytes[x->dtype];
      int64_t across = x->stride[rank - 1], down = rank > 1 ? x->stride[rank - 2] : 0;
      if (IS_PLAIN(x->dtype) && (across == 1 || c == 1) && (r == 1 || down == c)) {
        reg[i] = (T *)data;
        continue;
      }
      reg[i] = own[i]; /* a tile before this one may have been read where it lies */
      if (down == 0 || r == 1) {
        if (held[i] == data && held_rows[i] >= r && held_columns[i] == c) continue;
        held[i] = data, held_rows[i] = r, held_columns[i] = c;
      } else {
        held[i] = NULL;
      }
      NAME(copy_in)(own[i], data, x->dtype, r, c, down, across);
    }
    for (int i = 0; i < f.outputs; i++) {
      const es_map_operand *y = &m->output[i];
      int64_t offset = 0;
      for (int d = 0; d < rank; d++) offset += at[d] * y->stride[d];
      int64_t across = y->stride[rank - 1], down = rank > 1 ? y->stride[rank - 2] : 0;
      int plain = IS_PLAIN(y->dtype) && (across == 1 || c == 1) && (r == 1 || down == c);
      reg[y->reg] = plain ? (T *)(y->data + offset * (int64_t)sizeof(T)) : own[y->reg];
    }
    for (int i = 0; i < f.operations; i++) {
      const es_map_operation *op = &m->operation[i];
      NAME(operate)(op, reg[op->to], reg[op->a], reg[op->b], reg[op->c], r * c);
    }
    for (int i = 0; i < f.outputs; i++) {
      const es_map_operand *y = &m->output[i];
      if (reg[y->reg] != own[y->reg]) continue;
      int64_t offset = 0;
      for (int d = 0; d < rank; d++) offset += at[d] * y->stride[d];
      int64_t across = y->stride[rank - 1], down = rank > 1 ? y->stride[rank - 2] : 0;
      NAME(copy_out)(own[y->reg], y->data + offset * (int64_t)es_dtype_bytes[y->dtype], y->dtype, r, c, down, across);
    }
  }
}
