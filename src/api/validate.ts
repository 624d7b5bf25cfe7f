import type { FastifySchemaCompiler } from 'fastify';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';

const DECIMAL = /^-?\d+(\.\d+)?$/;
const BOOLEANS: Readonly<Record<string, boolean>> = { true: true, false: false, 1: true, 0: false };

const readNumber = (text: string) => (DECIMAL.test(text) ? Number(text) : text);

/** What a text of a query says, by the type that is asked for; a text that says no such thing stays one, and is refused. */
const READERS: Readonly<Record<string, (text: string) => unknown>> = {
  integer: readNumber,
  number: readNumber,
  boolean: (text) => BOOLEANS[text] ?? text,
};

/** Checks what comes in by its schema. Nothing is made to fit: `limit=100.5` is not 100. */
export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const compiled = Compile(schema);
  const properties = (schema as { properties?: Record<string, { type?: string }> }).properties ?? {};
  const read = (name: string, value: unknown): unknown => {
    const type = Object.hasOwn(properties, name) ? properties[name].type : undefined;
    return typeof value === 'string' && type !== undefined ? (READERS[type]?.(value) ?? value) : value;
  };
  const readAll = (query: object) =>
    Object.fromEntries(Object.entries(query).map(([name, value]) => [name, read(name, value)]));
  return (value) => {
    const found = httpPart === 'querystring' ? readAll(value) : value;
    // What is wrong is told in our words (plugins/problems.ts).
    return compiled.Check(found) ? { value: found } : { error: compiled.Errors(found) as never };
  };
};
