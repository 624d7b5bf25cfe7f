/**
 * Which of some numbered places (slots, parts) each class stands in. Classes that stand in the same places have the same
 * *set*, a number, so that comparing memberships is comparing numbers however many places there are.
 *
 * Sets are a tree: a set is another one (its parent) and one place more. Set 0 is the empty one.
 */
export class SlotSets {
  /** By class, its set. */
  readonly of: Int32Array;
  readonly #parents: number[] = [-1];
  readonly #places: number[] = [-1];
  readonly #children: Map<number, number>[] = [new Map()];

  constructor(numClasses: number) {
    this.of = new Int32Array(numClasses);
  }

  get count(): number {
    return this.#parents.length;
  }

  /** Puts classes (some perhaps several times) into a place; places come in ascending order. */
  add(classes: Int32Array, place: number): void {
    const { of } = this;
    let from = -1;
    let to = -1;
    for (let i = 0; i < classes.length; i++) {
      const set = of[classes[i]];
      if (set !== from) {
        if (this.#places[set] === place) continue;
        from = set;
        to = this.#child(set, place);
      }
      of[classes[i]] = to;
    }
  }

  /** The places of a set, ascending. */
  places(set: number): number[] {
    const places: number[] = [];
    for (let at = set; at > 0; at = this.#parents[at]) places.push(this.#places[at]);
    return places.reverse();
  }

  #child(set: number, place: number): number {
    const known = this.#children[set].get(place);
    if (known !== undefined) return known;
    const child = this.#parents.push(set) - 1;
    this.#places.push(place);
    this.#children.push(new Map());
    this.#children[set].set(place, child);
    return child;
  }
}
