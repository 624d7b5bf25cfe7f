/** Answers that take long: waits, event streams, and long texts on their way to clients that read slowly. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { EspalierError } from '../errors.js';
import { createTurns } from '../jobs/turns.js';

/** Of long texts on their way, each counted once however many answers it is. */
const MOST_BYTES = 32 * 2 ** 20;

/** Fires when the answer is sent or its connection closed: also for one that stands behind others on its connection. */
export function endOf({ raw: { socket } }: FastifyRequest, { raw }: FastifyReply): AbortSignal {
  const ended = new AbortController();
  const end = () => {
    socket.off('close', end);
    raw.off('close', end);
    ended.abort();
  };
  // A connection has as many of these as requests stand in line on it.
  socket.setMaxListeners(0);
  socket.on('close', end);
  raw.on('close', end);
  if (socket.destroyed || raw.destroyed) end();
  return ended.signal;
}

export class OpenAnswers {
  readonly #mostWaits: number;
  #waits = 0;
  #bytes = 0;
  readonly #turn = createTurns();
  /** In how many answers each is. */
  readonly #texts = new Map<Buffer, number>();

  constructor(mostWaits: number) {
    this.#mostWaits = mostWaits;
  }

  /** Counts a wait or a stream until its end. @throws EspalierError TOO_MANY_WAITS */
  addWait(end: AbortSignal): void {
    if (this.#waits >= this.#mostWaits) {
      const detail = `${this.#waits} waits and event streams are open, and no more are taken; ask without \`wait\``;
      throw new EspalierError('TOO_MANY_WAITS', detail, { retryable: true });
    }
    this.#waits += 1;
    whenOver(end, () => {
      this.#waits -= 1;
    });
  }

  /**
   * Counts a long text until the end of its answer. Resolves when it may be sent: one in each turn of the event loop, so
   * that others are served in between. A short one, as a string, is let through; one of what can be done but once is
   * counted, and not refused.
   * @param end of the answer; asked for where the text is long alone: polls come by the thousand
   * @throws EspalierError UNAVAILABLE
   */
  async addText<T extends Buffer | string>(text: T, end: () => AbortSignal, { refuses = true } = {}): Promise<T> {
    if (typeof text === 'string') return text;
    const answers = this.#texts.get(text) ?? 0;
    if (answers === 0) {
      if (refuses && this.#bytes > 0 && this.#bytes + text.length > MOST_BYTES) {
        const detail = `answers of ${this.#bytes} bytes are on their way to clients that do not read them; try again`;
        throw new EspalierError('UNAVAILABLE', detail, { retryable: true });
      }
      this.#bytes += text.length;
    }
    this.#texts.set(text, answers + 1);
    whenOver(end(), () => {
      const left = this.#texts.get(text)! - 1;
      if (left > 0) return this.#texts.set(text, left);
      this.#texts.delete(text);
      this.#bytes -= text.length;
    });
    await this.#turn();
    return text;
  }
}

function whenOver(end: AbortSignal, work: () => void): void {
  if (end.aborted) work();
  else end.addEventListener('abort', work, { once: true });
}
