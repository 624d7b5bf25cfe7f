/** A random number generator whose whole state is four 32-bit integers, so that a checkpoint can hold it. */
export interface SeededRandom {
  /** The next number in [0, 1), a multiple of 2^-32. */
  (): number;
  /** Give it to {@link seededRandom} to go on from here. */
  state(): readonly number[];
}

/**
 * xoshiro128** (Blackman and Vigna, 2018), seeded through splitmix32. Equal seeds give equal streams on every machine.
 * @param from a seed (any number; its low 32 bits count), or a state
 * @example
 * const random = seededRandom(7);
 * random();
 * const same = seededRandom(random.state());
 */
export function seededRandom(from: number | readonly number[]): SeededRandom {
  let [a, b, c, d] = typeof from === 'number' ? expandSeed(from) : from;
  const next = (): number => {
    const product = Math.imul(b, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const t = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= t;
    d = (d << 11) | (d >>> 21);
    return result / 2 ** 32;
  };
  return Object.assign(next, { state: () => [a >>> 0, b >>> 0, c >>> 0, d >>> 0] });
}

/** A shuffle of 0…n-1: Fisher-Yates, from the seed and the epoch alone, so that a resumed run sees the same order. */
export function shuffledOrder(n: number, seed: number, epoch: number): Uint32Array {
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  const random = seededRandom(Math.imul(seed | 0, 0x9e3779b1) ^ Math.imul(epoch + 1, 0x85ebca6b));
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order;
}

function expandSeed(seed: number): number[] {
  let state = seed >>> 0;
  return Array.from({ length: 4 }, () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  });
}
