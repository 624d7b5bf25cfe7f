/**
 * Names close to the one that was asked for, for error messages. Names come from strangers, both the wanted one and (by
 * way of a model file) the known ones, so the work is bounded: long names are compared by their beginnings, distances
 * are only told up to a few edits, and a search ends when it has done its share of work.
 */

/** Names are compared by this many of their first characters. */
const COMPARED_CHARACTERS = 256;

/** A name that is further away is nobody's typing mistake. */
const MOST_EDITS = 6;

/** Cells of distance tables that one search fills; after that only what was found so far counts. */
const MOST_CELLS = 1_000_000;

/** How many cells were filled. */
interface Work {
  cells: number;
}

/**
 * The Levenshtein distance, if it is at most `limit`; only the diagonals within `limit` of the main one are visited.
 * Adds what it visited to `work`.
 */
export function editDistanceWithin(a: string, b: string, limit: number, work: Work = { cells: 0 }): number | undefined {
  if (Math.abs(a.length - b.length) > limit) return undefined;
  const [left, right] = withoutSharedEnds(a, b);
  const far = limit + 1;
  let row = Array.from({ length: right.length + 1 }, (_, i) => Math.min(i, far));
  let next = new Array<number>(right.length + 1).fill(far);
  for (let i = 1; i <= left.length; i++) {
    const first = Math.max(1, i - limit);
    const last = Math.min(right.length, i + limit);
    next[first - 1] = first === 1 ? Math.min(i, far) : far;
    let least = next[first - 1];
    for (let j = first; j <= last; j++) {
      const changed = row[j - 1] + (left.charCodeAt(i - 1) === right.charCodeAt(j - 1) ? 0 : 1);
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, changed, far);
      if (next[j] < least) least = next[j];
    }
    if (last < right.length) next[last + 1] = far;
    work.cells += 1 + last - first;
    if (least > limit) return undefined;
    [row, next] = [next, row];
  }
  return row[right.length] <= limit ? row[right.length] : undefined;
}

/** What two names begin and end with alike is no part of their distance. */
function withoutSharedEnds(a: string, b: string): [string, string] {
  const shorter = Math.min(a.length, b.length);
  let start = 0;
  while (start < shorter && a.charCodeAt(start) === b.charCodeAt(start)) start++;
  let end = 0;
  while (end < shorter - start && a.charCodeAt(a.length - 1 - end) === b.charCodeAt(b.length - 1 - end)) end++;
  return [a.slice(start, a.length - end), b.slice(start, b.length - end)];
}

/** What a unit's name has behind that of its layer. */
const UNIT_RANGE = /_\(\d+, \d+\)_\d+(#\d+)?$/;

/**
 * Up to `limit` of `names`, nearest first: no further than a few edits, nor than half of the longer name's length (case
 * does not count). A name without a range of channels is compared with the layers of units.
 * @example nearMisses('conv2d_1', ['conv2d_1_(0, 32)_32']) // ['conv2d_1_(0, 32)_32']
 */
export function nearMisses(name: string, names: Iterable<string>, limit = 3): string[] {
  const wanted = name.slice(0, COMPARED_CHARACTERS).toLowerCase();
  const near: { name: string; distance: number }[] = [];
  const work: Work = { cells: 0 };
  const isLayer = !UNIT_RANGE.test(name.slice(-COMPARED_CHARACTERS));
  for (const full of names) {
    const known = isLayer ? full.replace(UNIT_RANGE, '') : full;
    const longer = Math.max(wanted.length, Math.min(known.length, COMPARED_CHARACTERS));
    // What is no nearer than the ones that were found already is not looked for.
    const most = near.length < limit ? MOST_EDITS : near[limit - 1].distance;
    const edits = Math.min(most, Math.floor(longer / 2));
    if (longer - Math.min(wanted.length, known.length) > edits) continue;
    if (work.cells > MOST_CELLS) break;
    const distance = editDistanceWithin(wanted, known.slice(0, COMPARED_CHARACTERS).toLowerCase(), edits, work);
    if (distance === undefined) continue;
    near.push({ name: full, distance });
    near.sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1));
    near.length = Math.min(near.length, limit);
  }
  return near.map((n) => n.name);
}

/**
 * What abbreviates a name is no typing mistake, but often what other tools call it: the beginning of one of its words,
 * or the first letters of all.
 * @example abbreviated('lr', ['learning_rate', 'type']) // ['learning_rate']
 */
function abbreviated(name: string, names: Iterable<string>, limit = 3): string[] {
  const short = name.slice(0, COMPARED_CHARACTERS).toLowerCase();
  const found: string[] = [];
  if (short.length < 2) return found;
  for (const full of names) {
    const words = full.slice(0, COMPARED_CHARACTERS).toLowerCase().split('_');
    const initials = words.map((word) => word.slice(0, 1)).join('');
    const begins = short.length > 2 && words.some((word) => word.startsWith(short));
    if (begins || initials === short) found.push(full);
    if (found.length === limit) break;
  }
  return found;
}

/** @example didYouMean('sofmax', ['softmax']) // '; did you mean "softmax"?' */
export function didYouMean(name: string, names: readonly string[]): string {
  const close = nearMisses(name, names);
  const near = close.length > 0 ? close : abbreviated(name, names);
  return near.length === 0 ? '' : `; did you mean ${near.map((n) => `"${n}"`).join(' or ')}?`;
}
