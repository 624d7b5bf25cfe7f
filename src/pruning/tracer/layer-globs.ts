/**
 * A test for layer names: `?` is one character, `*` any run of them within one part of the name, `**` any run at all;
 * parts are separated by `/`.
 * @example layerGlobs(['head/*'])('head/dense_1') // true
 */
export function layerGlobs(globs: readonly string[]): (layer: string) => boolean {
  const patterns = globs.map(toPattern);
  return (layer) => patterns.some((pattern) => pattern.test(layer));
}

const WILDCARDS: Readonly<Record<string, string>> = { '**': '.*', '*': '[^/]*', '?': '[^/]' };

function toPattern(glob: string): RegExp {
  const source = glob
    .split(/(\*\*|\*|\?)/)
    .map((part) => WILDCARDS[part] ?? part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('');
  return new RegExp(`^${source}$`, 's');
}
