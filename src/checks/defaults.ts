/** Objects whose fields may all be left out, and what they are then. */
import Type, { type TObject, type TObjectOptions, type TPartial, type TProperties, type TSchema } from 'typebox';

/** Of objects that have no fields but those named. */
export const closed = { additionalProperties: false } as const;

/** An object of these fields and no others, none of them needed. */
export function OptionalFields<P extends TProperties>(fields: P, options?: TObjectOptions): TPartial<TObject<P>> {
  return Type.Partial(Type.Object(fields), { ...closed, ...options });
}

/**
 * What a field is for, and what it is where it is left out, whatever the other fields say; further keywords of its schema.
 * Clients may fill such a default in.
 */
export function about(description: string, fallback?: unknown): { description: string } {
  return { ...(fallback !== undefined && { default: fallback }), description };
}

/** As {@link about}, where a default goes by other fields: clients leave it alone, {@link withDefaults} fills it in. */
export function aboutDependent(description: string, fallback: unknown): { description: string } {
  return { ...{ [DEPENDENT]: fallback }, description: `${description} ${defaultText(fallback)}` };
}

const DEPENDENT = 'x-default';

/** A default as descriptions say it. */
export function defaultText(value: unknown): string {
  return `Default ${typeof value === 'string' ? `\`${value}\`` : JSON.stringify(value)}.`;
}

/** True for the schema of a field that {@link withDefaults} fills in. */
export function hasDefault(schema: object): boolean {
  return 'default' in schema || DEPENDENT in schema;
}

interface Described {
  readonly type?: string;
  readonly default?: unknown;
  readonly [DEPENDENT]?: unknown;
  readonly anyOf?: readonly Described[];
  readonly properties?: Readonly<Record<string, Described>>;
  readonly patternProperties?: Readonly<Record<string, Described>>;
}

/**
 * A copy of a valid value with the default of each field that it leaves out, in all objects in it but those in lists.
 * Not TypeBox's, which changes the value and leaves records of objects as they are.
 * @example withDefaults(OptionalFields({ a: Type.Integer({ default: 1 }) }), {}) // { a: 1 }
 */
export function withDefaults(schema: TSchema, value?: unknown): unknown {
  const described: Described = schema;
  const given = value === undefined ? (described.default ?? described[DEPENDENT]) : value;
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
