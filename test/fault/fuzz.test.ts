/**
 * Every operation of openapi.yaml, asked with what its schema describes and with what it doesn't: never a fault of the
 * service, and every answer is one that is written there. `FUZZ_CASES=200 npm run test:fuzz` asks more.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import type { InjectOptions } from 'fastify';
import Schema from 'typebox/schema';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { file, type Harness, multipart, openHarness, type Part } from '../api/harness.js';
import { arbitraryOf, type JsonSchema } from '../support/schema-arbitrary.js';

const CASES = Number(process.env.FUZZ_CASES ?? 15);

interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly schema: JsonSchema;
}
interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: JsonSchema }>> };
  readonly responses: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: JsonSchema }>> }>
  >;
}

const { paths, components } = parse(readFileSync('openapi.yaml', 'utf8')) as {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, JsonSchema> };
};
const operations = Object.entries(paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ method: method.toUpperCase() as 'GET', path, operation })),
);
// What is deleted the others can't find.
operations.sort((a, b) => Number(a.method.startsWith('DELETE')) - Number(b.method.startsWith('DELETE')));

/** These hold the connection of a job that goes on. */
const WAITING = new Set(['watchJob', 'getJob']);

let h: Harness;
/** Ids that exist, for paths. */
const ids: { model: string[]; dataset: string[]; job: string[]; finished: string[] } = {
  model: [],
  dataset: [],
  job: [],
  finished: [],
};

beforeAll(async () => {
  h = await openHarness();
  const upload = async (kind: 'models' | 'datasets', data: string) =>
    (await h.app.inject({ method: 'POST', url: `/${kind}`, ...multipart([file(data)]) })).json().id as string;
  for (const data of ['a', 'b', 'c']) ids.model.push(await upload('models', data));
  ids.dataset.push(await upload('datasets', 'd'));
  for (let i = 0; i < 4; i++) {
    const { id } = (await h.app.inject({ method: 'POST', url: '/jobs', payload: { model: ids.model[0] } })).json();
    ids.job.push(id);
    if (i % 2 === 0) continue;
    ids.finished.push(id);
    await h.finish(id);
  }
});
afterAll(() => h.close());

/** A value of a parameter as text; often one that leads to something. */
function parameter({ name, schema }: Parameter, path: string, operationId: string): fc.Arbitrary<string> {
  const any = arbitraryOf(schema, components.schemas).map((value) =>
    typeof value === 'string' ? value : (JSON.stringify(value) ?? ''),
  );
  if (name === 'name') return fc.oneof(fc.constantFrom('model.zip', 'report.json'), any);
  if (name !== 'id') return any;
  const kind = path.startsWith('/models') ? 'model' : path.startsWith('/datasets') ? 'dataset' : 'job';
  const known = WAITING.has(operationId) ? ids.finished : ids[kind];
  return fc.oneof({ weight: 2, arbitrary: fc.constantFrom(...known) }, { weight: 1, arbitrary: any });
}

/** Half of a pair of surrogates can't be sent. */
const wellFormed = (text: string) => Buffer.from(text).toString();

const HEADER_TEXT = /[^\t\x20-\x7e\x80-\xff]/g;

/** A request of an operation. */
function requests(method: InjectOptions['method'], path: string, operation: Operation): fc.Arbitrary<InjectOptions> {
  const parameters = operation.parameters ?? [];
  const values = fc.record(
    Object.fromEntries(parameters.map((p) => [`${p.in} ${p.name}`, parameter(p, path, operation.operationId)])),
    { requiredKeys: parameters.filter((p) => p.in === 'path').map((p) => `path ${p.name}`) },
  ) as fc.Arbitrary<Record<string, string>>;
  return fc.tuple(values, bodies(operation)).map(([given, body]) => {
    const of = (where: string) =>
      Object.entries(given).flatMap(([key, value]): [string, string][] => {
        const [at, name] = key.split(' ');
        return at === where ? [[name, value]] : [];
      });
    let url = path;
    for (const [name, value] of of('path'))
      url = url.replace(`{${name}}`, encodeURIComponent(wellFormed(value)) || '%20');
    const query = new URLSearchParams(of('query').map(([name, value]): [string, string] => [name, wellFormed(value)]));
    const headers = Object.fromEntries(of('header').map(([name, value]) => [name, value.replace(HEADER_TEXT, '')]));
    return { method, url: query.size > 0 ? `${url}?${query}` : url, ...body, headers: { ...headers, ...body.headers } };
  });
}

function bodies({ requestBody }: Operation): fc.Arbitrary<Pick<InjectOptions, 'payload' | 'headers'>> {
  const content = requestBody?.content ?? {};
  const kinds: fc.Arbitrary<Pick<InjectOptions, 'payload' | 'headers'>>[] = [];
  const json = content['application/json'];
  if (json) {
    const headers = { 'content-type': 'application/json' };
    const stored = fc.constantFrom(...ids.model, 'mdl_none');
    const described = arbitraryOf(json.schema, components.schemas);
    const withModel = fc.tuple(described, stored).map(([body, model]) => ({ ...(body as object), model }));
    kinds.push(fc.oneof(described, withModel).map((body) => ({ payload: JSON.stringify(body), headers })));
    kinds.push(fc.string({ maxLength: 40 }).map((payload) => ({ payload, headers })));
  }
  if (content['multipart/form-data']) {
    const field = fc.oneof(
      fc.constantFrom('file', 'model', 'dataset', 'config'),
      fc.string({ maxLength: 8 }).map((s) => s.replace(/["\r\n]/g, '')),
    );
    const data = fc.oneof(fc.constantFrom('{}', '{"target": {"macs": 0.5}}', '[', ...ids.model), fc.string());
    const filename = fc.oneof(
      fc.constantFrom('model.zip', '../x', 'a\0b'),
      fc.string({ maxLength: 8 }).map((s) => s.replace(/["\r\n]/g, '')),
    );
    const part: fc.Arbitrary<Part> = fc.record({ field, data, filename }, { requiredKeys: ['field', 'data'] });
    kinds.push(fc.array(part, { maxLength: 4 }).map(multipart));
    const good = fc
      .uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 3 })
      .map((texts) => texts.map((text, i) => file(text, `${i}.bin`, json ? 'model' : 'file')));
    const config = arbitraryOf(json ? { $ref: '/Config' } : { type: 'null' }, components.schemas);
    kinds.push(
      fc
        .tuple(good, config)
        .map(([files, value]) =>
          multipart(json ? [...files, { field: 'config', data: JSON.stringify(value) }] : files),
        ),
    );
  }
  return kinds.length === 0 ? fc.constant({}) : fc.oneof(...kinds);
}

test.each(operations.map((o) => [o.operation.operationId, o] as const))(
  '%s',
  async (_id, { method, path, operation }) => {
    await fc.assert(
      fc.asyncProperty(requests(method, path, operation), async (request) => {
        const answer = await h.app.inject(request);
        const what = `${answer.statusCode} ${answer.body.slice(0, 300)}`;
        expect(answer.statusCode, what).toBeLessThan(500);
        const written = operation.responses[answer.statusCode] ?? operation.responses.default;
        expect(written, `${what}: no such status`).toBeDefined();
        if (!written.content) {
          expect(answer.body.length, what).toBe(0);
          return;
        }
        const type = String(answer.headers['content-type']).split(';')[0];
        const content = written.content[type] ?? written.content['*/*'];
        expect(content, `${what}: no such media type: ${type}`).toBeDefined();
        if (!/json$/.test(type) || content === written.content['*/*']) return;
        if (operation.operationId === 'getReport' && answer.statusCode < 300) return;
        const [valid, errors] = Schema.Compile({ ...content.schema, components }).Errors(answer.json());
        expect(valid, `${what}: ${JSON.stringify(errors)}`).toBe(true);
      }),
      { numRuns: CASES },
    );
  },
);
