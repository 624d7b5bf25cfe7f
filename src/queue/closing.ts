/**
 * Waits until everything is closed, but no longer than `ms`: with Redis away, BullMQ waits for an event that ioredis
 * doesn't send while it reconnects. What is left then holds no timer and no socket.
 *
 * @returns whether everything was closed in time
 */
export async function closeWithin(ms: number, closing: readonly (Promise<unknown> | undefined)[]): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([Promise.all(closing).then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
