const texts = new WeakMap<object, string>();

/** The JSON of what never changes: written once for as long as it is held. */
export function jsonOf(value: object): string {
  const known = texts.get(value) ?? JSON.stringify(value);
  texts.set(value, known);
  return known;
}
