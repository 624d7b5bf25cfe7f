import { EspalierError } from '../errors.js';
import type { Transport } from './work-queue.js';

/** How long a request waits for the datastore before it is told that the service is not available. */
const PATIENCE_MS = 3000;

/**
 * Runs `work` against the datastore, or says quickly that it can not be done now. What the datastore was sent by then may
 * still come to pass; the signal tells `work` to send nothing more.
 * @throws EspalierError `UNAVAILABLE` when the datastore is away, fails, or doesn't answer within {@link PATIENCE_MS}
 */
export async function whileAvailable<T>(
  transport: Transport,
  what: string,
  work: (abandoned: AbortSignal) => Promise<T>,
): Promise<T> {
  const away = transport.away();
  if (away !== undefined) throw unavailable(`${what}: ${away}`);
  const abandoned = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const error = unavailable(`${what}: the queue did not answer in ${PATIENCE_MS} ms`);
      abandoned.abort(error);
      reject(error);
    }, PATIENCE_MS);
  });
  try {
    return await Promise.race([work(abandoned.signal), late]);
  } catch (error) {
    if (error instanceof EspalierError) throw error;
    // Its own words may name addresses: they are for the log.
    throw unavailable(`${what}: ${transport.away() ?? 'the queue failed'}`, error);
  } finally {
    clearTimeout(timer);
  }
}

/** A fault of the service's own making that goes away by itself. */
export function unavailable(detail: string, cause?: unknown): EspalierError {
  return new EspalierError('UNAVAILABLE', detail, { retryable: true, cause });
}
