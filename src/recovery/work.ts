/** Work that is done piece by piece: each says how many multiplications it took. */
export type InPieces<T> = Generator<number, T, void>;

/** How long work goes on before others have a turn: in multiplications, some tenths of a second. */
const PIECE = 1e8;

/** Told between pieces of work; gives others a turn, and throws where the work is no longer wanted. */
export type Pause = (multiplications: number) => Promise<void>;

/** Does it all, with no pause. */
export function atOnce<T>(work: InPieces<T>): T {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

/** Does it all, with a pause now and then. */
export async function withPauses<T>(work: InPieces<T>, pause: Pause | undefined): Promise<T> {
  let since = 0;
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
    since += value;
    if (since < PIECE) continue;
    await pause?.(since);
    since = 0;
  }
}
