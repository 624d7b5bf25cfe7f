/* The pool of threads: one task at a time on all of them. Between two kernels of a step lie microseconds, so threads spin for a while before
 * they sleep; a process that waits for something else does not burn its cores. */
#define _GNU_SOURCE
#include "kernels.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { SPINS = 4000 }; /* with a pause each, some 50 to 100 µs: longer than the gap between kernels, shorter than a time slice */

#if defined(__x86_64__) || defined(__i386__)
#define PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define PAUSE() __asm__ volatile("yield")
#else
#define PAUSE() ((void)0)
#endif

typedef struct {
  es_pool *pool;
  int index;
} worker;

struct es_pool {
  int threads;
  pthread_t *handles;
  worker *workers;
  void (*task)(void *, int, int);
  void *arg;
  atomic_uint turn;   /* counts tasks: a change is the call to work */
  atomic_int pending; /* workers still at the current task */
  atomic_int stop;
  pthread_mutex_t lock;
  pthread_cond_t called, finished;
};

/* Waits until `turn` is no longer `seen`. */
static void await_turn(es_pool *pool, unsigned seen) {
  for (int spin = 0; spin < SPINS; spin++) {
    if (atomic_load_explicit(&pool->turn, memory_order_acquire) != seen) return;
    PAUSE();
  }
  pthread_mutex_lock(&pool->lock);
  while (atomic_load_explicit(&pool->turn, memory_order_acquire) == seen) pthread_cond_wait(&pool->called, &pool->lock);
  pthread_mutex_unlock(&pool->lock);
}

static void *work(void *argument) {
  worker *self = argument;
  es_pool *pool = self->pool;
  for (unsigned seen = 0;; seen++) {
    await_turn(pool, seen);
    if (atomic_load(&pool->stop)) return NULL;
    pool->task(pool->arg, self->index, pool->threads);
    if (atomic_fetch_sub_explicit(&pool->pending, 1, memory_order_acq_rel) == 1) {
      /* Under the lock, so that the caller cannot fall asleep between its test and this signal. */
      pthread_mutex_lock(&pool->lock);
      pthread_cond_signal(&pool->finished);
      pthread_mutex_unlock(&pool->lock);
    }
  }
}

static void call(es_pool *pool) {
  pthread_mutex_lock(&pool->lock);
  atomic_fetch_add_explicit(&pool->turn, 1, memory_order_release);
  pthread_cond_broadcast(&pool->called);
  pthread_mutex_unlock(&pool->lock);
}

es_pool *es_pool_create(int threads) {
  if (threads < 1) threads = 1;
  es_pool *pool = calloc(1, sizeof *pool);
  if (!pool) return NULL;
  pool->handles = calloc((size_t)threads, sizeof *pool->handles);
  pool->workers = calloc((size_t)threads, sizeof *pool->workers);
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->called, NULL);
  pthread_cond_init(&pool->finished, NULL);
  pool->threads = 1;
  while (pool->handles && pool->workers && pool->threads < threads) {
    int index = pool->threads;
    pool->workers[index] = (worker){pool, index};
    if (pthread_create(&pool->handles[index], NULL, work, &pool->workers[index]) != 0) break;
    pool->threads++;
  }
  if (pool->threads == threads && pool->handles && pool->workers) return pool;
  es_pool_destroy(pool);
  return NULL;
}

void es_pool_destroy(es_pool *pool) {
  if (!pool) return;
  atomic_store(&pool->stop, 1);
  call(pool);
  for (int index = 1; index < pool->threads; index++) pthread_join(pool->handles[index], NULL);
  pthread_cond_destroy(&pool->finished);
  pthread_cond_destroy(&pool->called);
  pthread_mutex_destroy(&pool->lock);
  free(pool->workers);
  free(pool->handles);
  free(pool);
}

int es_pool_threads(const es_pool *pool) { return pool->threads; }

void es_pool_run(es_pool *pool, void (*task)(void *arg, int thread, int threads), void *arg) {
  if (pool->threads == 1) {
    task(arg, 0, 1);
    return;
  }
  pool->task = task;
  pool->arg = arg;
  atomic_store_explicit(&pool->pending, pool->threads - 1, memory_order_release);
  call(pool);
  task(arg, 0, pool->threads);
  for (int spin = 0; spin < SPINS; spin++) {
    if (atomic_load_explicit(&pool->pending, memory_order_acquire) == 0) return;
    PAUSE();
  }
  pthread_mutex_lock(&pool->lock);
  while (atomic_load_explicit(&pool->pending, memory_order_acquire) != 0) pthread_cond_wait(&pool->finished, &pool->lock);
  pthread_mutex_unlock(&pool->lock);
}
