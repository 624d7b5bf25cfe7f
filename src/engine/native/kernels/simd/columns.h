/* A matrix rows × c as a flat row of floats with a period: the least multiple of c and of a vector that gives several vectors to work on. Per-channel
 * values spread over a period, so any number of channels fills the vectors; the rest after the last whole period is cut by part. */
#ifndef ES_COLUMNS_H
#define ES_COLUMNS_H

#include "simd.h"

enum { GROUP = 4 }; /* vectors that a reduction keeps in registers together */

typedef struct {
  long floats, periods; /* whole periods */
  int c, period;
} columns;

static inline columns columns_of(long rows, int c) {
  int period = c;
  while (period % V) period += c;
  int once = period;
  while (period < GROUP * V) period += once;
  return (columns){rows * c, rows * c / period, c, period};
}

/* The periods of a thread, and the floats of the last, partial one if that is the thread's too. */
typedef struct {
  long from, to;
  int rest;
} column_share;

static inline column_share share_columns(const columns *m, int thread, int threads) {
  column_share s;
  share(m->periods, 1, thread, threads, &s.from, &s.to);
  s.rest = thread == threads - 1 ? (int)(m->floats - m->periods * m->period) : 0;
  return s;
}

/* per_channel[c], spread over a period. */
static inline void spread(const columns *m, const float *per_channel, float *to) {
  for (int i = 0; i < m->period; i++) to[i] = per_channel[i % m->c];
}

#endif
