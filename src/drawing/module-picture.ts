/** A module as PyTorch prints one: a type, lines of its own, and named modules inside. */
export interface ModulePicture {
  readonly type: string;
  readonly lines?: readonly string[];
  readonly children?: readonly (readonly [name: string, child: ModulePicture])[];
}

/**
 * @example drawModule({ type: 'Linear', lines: ['in_features=2'] }) // 'Linear(in_features=2)'
 * @example drawModule({ type: 'A', children: [['b', { type: 'B' }]] }) // 'A(\n  (b): B()\n)'
 */
export function drawModule({ type, lines = [], children = [] }: ModulePicture): string {
  if (children.length === 0 && lines.length <= 1) return `${type}(${lines.join('')})`;
  const inside = [...lines, ...children.map(([name, child]) => `(${name}): ${drawModule(child)}`)];
  return `${type}(\n${inside.map(indent).join('\n')}\n)`;
}

function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ');
}
