/** Nothing that comes in or goes out is without a bound: every string, array and record of every schema says its most. */
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { openApiYaml } from '../../src/api/openapi.js';

type Schema = Readonly<Record<string, unknown>>;

/** Strings whose form bounds them, and bytes, which are streamed. */
const BOUNDED_FORMATS = ['date-time', 'binary'];

/** Streams: their length is nobody's memory. */
const STREAMED = ['text/event-stream', '*/*'];

const isSchema = (value: unknown): value is Schema => typeof value === 'object' && value !== null;

/** Paths of what has no bound. */
function unbounded(node: Schema, at: string): string[] {
  if ('$ref' in node || 'const' in node || 'enum' in node) return [];
  const inner = Object.entries({
    ...((node.properties as Record<string, Schema>) ?? {}),
    ...((node.patternProperties as Record<string, Schema>) ?? {}),
    ...(isSchema(node.items) ? { '*': node.items } : {}),
    ...(isSchema(node.additionalProperties) ? { '+': node.additionalProperties } : {}),
    ...Object.fromEntries(
      ['anyOf', 'oneOf', 'allOf'].flatMap((word) => ((node[word] as Schema[]) ?? []).map((s, i) => [`${word}${i}`, s])),
    ),
  }).flatMap(([name, schema]) => unbounded(schema, `${at}/${name}`));
  const union = 'anyOf' in node || 'oneOf' in node || 'allOf' in node;
  const faults: string[] = [];
  const types = [node.type].flat();
  if (!union && node.type === undefined) faults.push(`${at}: any value`);
  if (types.includes('string') && node.maxLength === undefined && !BOUNDED_FORMATS.includes(String(node.format))) {
    faults.push(`${at}: string`);
  }
  if (types.includes('array') && node.maxItems === undefined) faults.push(`${at}: array`);
  const isRecord =
    'patternProperties' in node || node.additionalProperties === true || isSchema(node.additionalProperties);
  if (isRecord && node.maxProperties === undefined) faults.push(`${at}: properties`);
  if (isRecord && (node.propertyNames as Schema | undefined)?.maxLength === undefined) faults.push(`${at}: names`);
  return [...faults, ...inner];
}

/** Every schema of the document, by where it stands. */
function schemasOf(node: unknown, at: string): [string, Schema][] {
  if (!isSchema(node)) return [];
  return Object.entries(node).flatMap(([key, value]): [string, Schema][] => {
    if (STREAMED.includes(key)) return [];
    if (key === 'schema' && isSchema(value)) return [[at, value]];
    if (at === '/components' && key === 'schemas') {
      return Object.entries(value as Record<string, Schema>).map(([name, schema]) => [name, schema]);
    }
    return schemasOf(value, `${at}/${key}`);
  });
}

test('every string, array and record of the API has a bound', async () => {
  const schemas = schemasOf(parse(await openApiYaml()), '');
  expect(schemas.length).toBeGreaterThan(50);
  expect(schemas.flatMap(([at, schema]) => unbounded(schema, at))).toEqual([]);
});

test('the walk sees what has no bound', () => {
  const open = {
    type: 'object',
    properties: {
      a: { type: 'string' },
      b: { type: 'array', maxItems: 3, items: { anyOf: [{ type: 'array', items: { type: 'null' } }] } },
      c: { type: 'object', patternProperties: { '^.*$': {} } },
    },
  };
  expect(unbounded(open, '')).toEqual([
    '/a: string',
    '/b/*/anyOf0: array',
    '/c: properties',
    '/c: names',
    '/c/^.*$: any value',
  ]);
});
