import { availableParallelism } from 'node:os';

/** Images that are decoded side by side: as many as libuv has threads for by default, and no more than there are cores. */
export const AT_ONCE = Math.min(4, Math.max(2, availableParallelism()));

/**
 * Does `work` for each item, a few at a time. What an item is taken from is not asked for more before there is room.
 * @throws what the first to fail throws, once none is at work
 */
export async function inParallel<T>(
  items: Iterable<T> | AsyncIterable<T>,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  let failed: { readonly error: unknown } | undefined;
  let index = 0;
  try {
    for await (const item of items) {
      if (failed) break;
      const one: Promise<void> = work(item, index++)
        .catch((error: unknown) => {
          failed ??= { error };
        })
        .finally(() => running.delete(one));
      running.add(one);
      if (running.size >= AT_ONCE) await Promise.race(running);
    }
  } finally {
    await Promise.all(running);
  }
  if (failed) throw failed.error;
}
