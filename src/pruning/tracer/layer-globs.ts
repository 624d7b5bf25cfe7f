/**
 * A test for layer names: `?` is one character, `*` any run of them within one part of the name, `**` any run at all;
 * parts are separated by `/`.
 * @example layerGlobs(['head/*'])('head/dense_1') // true
 */
export function layerGlobs(globs: readonly string[]): (layer: string) => boolean {
  const patterns = globs.map(toPattern);
  return (layer) => patterns.some((matches) => matches(layer));
}

/** More stars than two in a row are as two. */
const TOKENS = /\*{2,}|./gs;

/**
 * Walks the name once, with all places of the glob at which it may be, as bits (Baeza-Yates and Gonnet, 1992). Globs come
 * from clients: a regular expression of many stars takes a time that grows as a power of the name's length.
 */
function toPattern(glob: string): (name: string) => boolean {
  const tokens = glob.match(TOKENS) ?? [];
  const placesOf = (fits: (token: string) => boolean) =>
    tokens.reduce((places, token, i) => (fits(token) ? places | (1n << BigInt(i)) : places), 0n);
  const single = placesOf((token) => token === '?');
  const long = placesOf((token) => token.length > 1);
  const runs = long | placesOf((token) => token === '*');
  const literals = new Map([...new Set(tokens)].map((char) => [char, placesOf((token) => token === char)]));
  literals.delete('?');
  literals.delete('*');
  const end = 1n << BigInt(tokens.length);
  // No two runs are neighbours.
  const withEmptyRuns = (places: bigint) => places | ((places & runs) << 1n);

  return (name) => {
    let places = withEmptyRuns(1n);
    for (let i = 0; i < name.length && places !== 0n; i++) {
      const char = name[i];
      const taken = (literals.get(char) ?? 0n) | (char === '/' ? 0n : single);
      places = withEmptyRuns(((places & taken) << 1n) | (places & (char === '/' ? long : runs)));
    }
    return (places & end) !== 0n;
  };
}
