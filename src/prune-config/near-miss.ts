/** Names close to the one that was asked for, for error messages. */

/** Levenshtein distance. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
    }
    row = next;
  }
  return row[b.length];
}

/** Up to `limit` of `names`, nearest first, no further than half of the longer name's length (case does not count). */
export function nearMisses(name: string, names: Iterable<string>, limit = 3): string[] {
  const wanted = name.slice(0, 256).toLowerCase();
  return [...names]
    .map((n) => ({ n, distance: editDistance(wanted, n.slice(0, 256).toLowerCase()) }))
    .filter(({ n, distance }) => distance <= Math.max(wanted.length, n.length) / 2)
    .sort((a, b) => a.distance - b.distance || (a.n < b.n ? -1 : 1))
    .slice(0, limit)
    .map(({ n }) => n);
}

/** @example didYouMean('sofmax', ['softmax']) // '; did you mean "softmax"?' */
export function didYouMean(name: string, names: Iterable<string>): string {
  const near = nearMisses(name, names);
  return near.length === 0 ? '' : `; did you mean ${near.map((n) => `"${n}"`).join(' or ')}?`;
}
