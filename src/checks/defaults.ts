/** Objects whose fields may all be left out, and what they are then. */
import Type, { type TObject, type TObjectOptions, type TPartial, type TProperties, type TSchema } from 'typebox';

/** Of objects that have no fields but those named. */
export const closed = { additionalProperties: false } as const;

/** An object of these fields and no others, none of them needed. */
export function OptionalFields<P extends TProperties>(fields: P, options?: TObjectOptions): TPartial<TObject<P>> {
  return Type.Partial(Type.Object(fields), { ...closed, ...options });
}

/** What a field is for, and what it is where it is left out; further keywords of its schema. */
export function about(description: string, fallback?: unknown): { description: string } {
  return { ...(fallback !== undefined && { default: fallback }), description };
}

interface Described {
  readonly type?: string;
  readonly default?: unknown;
  readonly anyOf?: readonly Described[];
  readonly properties?: Readonly<Record<string, Described>>;
  readonly patternProperties?: Readonly<Record<string, Described>>;
}

/**
 * A copy of a valid value with the `default` of each field that it leaves out, in all objects in it but those in lists.
 * Not TypeBox's, which changes the value and leaves records of objects as they are.
 * @example withDefaults(OptionalFields({ a: Type.Integer({ default: 1 }) }), {}) // { a: 1 }
 */
export function withDefaults(schema: TSchema, value?: unknown): unknown {
  const described: Described = schema;
  const given = value === undefined ? described.default : value;
  if (!isRecord(given)) return given;
  const { properties = {}, patternProperties = {} } =
    described.anyOf?.find(({ type }) => type === 'object') ?? described;
  const [each] = Object.values(patternProperties);
  const names = each ? Object.keys(given) : Object.keys({ ...properties, ...given });
  return Object.fromEntries(
    names
      .map((name) => [name, withDefaults(each ?? properties[name] ?? {}, given[name])])
      .filter(([, v]) => v !== undefined),
  );
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
