import { defaultText, hasDefault } from '../checks/index.js';
import { PruneConfigInput } from '../prune-config/index.js';
import { Artifact, Config, Job, JobSummary } from './schemas/jobs.js';
import { Dataset, Model, Units } from './schemas/uploads.js';

/** What the client exports, by name. */
const TYPES = {
  JobView: Job,
  JobSummaryView: JobSummary,
  ModelView: Model,
  DatasetView: Dataset,
  UnitsView: Units,
  ArtifactView: Artifact,
  PruneConfigInput: Config,
};

const WIDTH = 120;

/** What is read of a JSON schema; another keyword says nothing about the type. */
interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly patternProperties?: Readonly<Record<string, Schema>>;
  readonly description?: string;
  readonly default?: unknown;
}

const GENERATED =
  '// Generated from the schemas in src/api and src/prune-config (npm run openapi); a test holds them together.\n';

/**
 * src/client/wire.ts: the schemas as plain TypeScript. Users' compilers would need many seconds for TypeBox's own types,
 * and find faults in them under `exactOptionalPropertyTypes`.
 */
export function clientTypes(): string {
  const types = Object.entries(TYPES).map(
    ([name, { schema }]) => `${comment(schema, '')}export interface ${name} ${typeOf(schema, '')}\n`,
  );
  return [GENERATED, ...types].join('\n');
}

/** src/prune-config/filled.ts: a config with its defaults in place, but for what is typed by hand in resolved.ts. */
export function filledTypes(): string {
  const { algorithm: _, target: __, ...properties } = PruneConfigInput.properties;
  return `${GENERATED}\nexport interface FilledConfig ${typeOf({ type: 'object', properties }, '', true)}\n`;
}

/** @param filled with every default in place: what has one is there, and nothing is changed */
function typeOf(schema: Schema, indent: string, filled = false): string {
  const { anyOf, enum: words, items, properties, patternProperties, type } = schema;
  if ('const' in schema) return literal(schema.const);
  if (words) return words.map(literal).join(' | ');
  if (anyOf) return anyOf.map((branch) => typeOf(branch, indent, filled)).join(' | ');
  if (type === 'array') {
    const of = typeOf(items ?? {}, indent, filled);
    const isUnion = items?.anyOf !== undefined || (items?.enum?.length ?? 0) > 1;
    return `${filled ? 'readonly ' : ''}${isUnion ? `(${of})` : of}[]`;
  }
  if (type === 'object') {
    const [values] = Object.values(patternProperties ?? {});
    const record = values && `Record<string, ${typeOf(values, indent, filled)}>`;
    if (record) return filled ? `Readonly<${record}>` : record;
    const fields = Object.entries(properties ?? {});
    if (fields.length === 0) return 'Record<string, unknown>';
    const inner = `${indent}  `;
    const lines = fields.map(([name, field]) => {
      const key = /^\w+$/.test(name) ? name : literal(name);
      const mark = schema.required?.includes(name) || (filled && hasDefault(field)) ? '' : '?';
      const start = filled ? `${inner}readonly ` : `${comment(field, inner)}${inner}`;
      return `${start}${key}${mark}: ${typeOf(field, inner, filled)};\n`;
    });
    return `{\n${lines.join('')}${indent}}`;
  }
  if (type === 'integer' || type === 'number') return 'number';
  if (type === 'string' || type === 'boolean' || type === 'null') return type;
  // A schema that isn't understood may not pass for one that takes anything.
  throw new Error(`No TypeScript type for ${JSON.stringify(schema)}`);
}

const literal = (value: unknown) => (typeof value === 'string' ? `'${value}'` : JSON.stringify(value));

function defaultOf(schema: Schema): string[] {
  const value = JSON.stringify(schema.default);
  return value === undefined || value === '{}' ? [] : [defaultText(schema.default)];
}

/** A description as a doc comment, in lines of {@link WIDTH}. What is said of one branch of a union is said of all. */
function comment(schema: Schema, indent: string): string {
  const described = schema.description ?? schema.anyOf?.find((branch) => branch.description)?.description;
  const text = [described ?? [], defaultOf(schema)].flat().join(' ');
  if (text === '') return '';
  if (text.includes('*/')) throw new Error(`A description would end its comment: ${text}`);
  const single = `${indent}/** ${text} */\n`;
  if (single.length <= WIDTH + 1) return single;
  const lines = [`${indent} *`];
  for (const word of text.split(' ')) {
    if (lines[lines.length - 1].length + 1 + word.length > WIDTH) lines.push(`${indent} *`);
    lines[lines.length - 1] += ` ${word}`;
  }
  return `${indent}/**\n${lines.join('\n')}\n${indent} */\n`;
}
