/** Values that a JSON schema describes, and some that it doesn't. */
import fc from 'fast-check';

export type JsonSchema = Readonly<Record<string, unknown>>;

/** Longer ones take time and show nothing. */
const LONGEST = 12;

/** Texts that trip programs. */
const ODD_TEXTS = [
  '',
  ' ',
  '\0',
  '\u2028',
  '__proto__',
  'constructor',
  '../..',
  '%00',
  '\ud800',
  '😀'.repeat(20),
  "'; --",
  'NaN',
  '-0',
];

/** Mostly of the schema, and now and then of anything else at some place of it. */
export function arbitraryOf(schema: JsonSchema, schemas: Readonly<Record<string, JsonSchema>>): fc.Arbitrary<unknown> {
  const anything = fc.oneof(
    fc.jsonValue({ maxDepth: 2 }),
    fc.constantFrom<unknown>(...ODD_TEXTS, 1e308, -1, 0.5, null),
  );
  const of = (node: JsonSchema, depth: number): fc.Arbitrary<unknown> =>
    fc.oneof({ weight: 50, arbitrary: matching(node, depth) }, { weight: 1, arbitrary: anything });

  const matching = (node: JsonSchema, depth: number): fc.Arbitrary<unknown> => {
    if (typeof node.$ref === 'string') return of(schemas[node.$ref.split('/').at(-1)!], depth);
    if ('const' in node) return fc.constant(node.const);
    if (Array.isArray(node.enum)) return fc.constantFrom<unknown>(...node.enum);
    const branches = (node.anyOf ?? node.oneOf) as JsonSchema[] | undefined;
    if (branches) return fc.oneof(...branches.map((branch) => of(branch, depth)));
    switch (node.type) {
      case 'object':
        return objects(node, depth);
      case 'array': {
        const { minItems = 0, maxItems = LONGEST } = node as { minItems?: number; maxItems?: number };
        const maxLength = Math.min(maxItems, Math.max(minItems, depth > 4 ? 1 : 3));
        return fc.array(of(node.items as JsonSchema, depth + 1), { minLength: minItems, maxLength });
      }
      case 'integer':
      case 'number':
        return numbers(node);
      case 'boolean':
        return fc.boolean();
      case 'null':
        return fc.constant(null);
      default: {
        const maxLength = Math.min((node.maxLength as number | undefined) ?? LONGEST, LONGEST);
        const text = fc.string({ minLength: Math.min(maxLength, Number(node.minLength ?? 0)), maxLength });
        return fc.oneof({ weight: 4, arbitrary: text }, { weight: 1, arbitrary: fc.constantFrom(...ODD_TEXTS) });
      }
    }
  };

  const objects = (node: JsonSchema, depth: number): fc.Arbitrary<unknown> => {
    const properties = Object.entries((node.properties ?? {}) as Record<string, JsonSchema>);
    const required = new Set(node.required as string[] | undefined);
    const fields = Object.fromEntries(properties.map(([name, property]) => [name, of(property, depth + 1)]));
    const requiredKeys = properties.map(([name]) => name).filter((name) => required.has(name));
    const known = fc.record(fields, { requiredKeys });
    const [pattern] = Object.values((node.patternProperties ?? {}) as Record<string, JsonSchema>);
    const others = pattern
      ? fc.dictionary(fc.string({ maxLength: LONGEST }), of(pattern, depth + 1), { maxKeys: 3 })
      : fc.constant({});
    return fc.tuple(known, others).map(([a, b]) => ({ ...b, ...a }));
  };

  return of(schema, 0);
}

function numbers(node: JsonSchema): fc.Arbitrary<number> {
  const min = Number(node.minimum ?? node.exclusiveMinimum ?? -1000);
  const max = Number(node.maximum ?? node.exclusiveMaximum ?? 1e9);
  if (node.type === 'integer') return fc.integer({ min: Math.ceil(min), max: Math.min(Math.floor(max), 2 ** 31 - 1) });
  return fc.double({ min, max, noNaN: true });
}
