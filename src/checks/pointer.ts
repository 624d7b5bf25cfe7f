/** JSON pointers (RFC 6901). */

/** @example pointer('units', 'a/b', 0) // '/units/a~1b/0' */
export function pointer(...segments: readonly (string | number)[]): string {
  return segments.map((s) => `/${String(s).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
}

/** The segments of a pointer. @example pointerSegments('/a~1b/0') // ['a/b', '0'] */
export function pointerSegments(text: string): string[] {
  return text
    .split('/')
    .slice(1)
    .map((s) => s.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** The value that a pointer names; undefined when there is none. */
export function valueAt(root: unknown, text: string): unknown {
  let value = root;
  for (const segment of pointerSegments(text)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, segment)) return undefined;
    value = (value as Record<string, unknown>)[segment];
  }
  return value;
}
