/** What a TypeBox check found, as field errors that name the field at fault and what was expected there. */
import type { TSchema } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import { Settings } from 'typebox/system';
import { Value } from 'typebox/value';
import type { FieldError } from '../errors.js';
import { didYouMean } from './near-miss.js';
import { pointer, pointerSegments, valueAt } from './pointer.js';

/** Faults that one check collects; TypeBox's default of 8 would hide some behind those of a union's other branches. */
export const MOST_FAULTS = 100;
Settings.Set({ maxErrors: MOST_FAULTS });

/** One fault as TypeBox (and Ajv) report it. */
export interface SchemaFault {
  readonly keyword: string;
  readonly schemaPath: string;
  readonly instancePath: string;
  readonly params: Record<string, unknown>;
  readonly message: string;
}

const compiledSchemas = new WeakMap<TSchema, Validator>();

function compiled(schema: TSchema): Validator {
  const known = compiledSchemas.get(schema) ?? Compile(schema);
  compiledSchemas.set(schema, known);
  return known;
}

/** Checks a value; an empty list when it is valid. Pointers are relative to the value. */
export function schemaErrors(schema: TSchema, value: unknown): FieldError[] {
  // Says yes or no many times faster than the search for faults.
  if (compiled(schema).Check(value)) return [];
  return fieldErrors(schema, value, Value.Errors(schema, value) as unknown as SchemaFault[]);
}

/**
 * One field error a fault: unknown fields are named themselves (with near misses), and of a union only the branch that
 * the value's kind points to is reported, or what the union as a whole expects.
 */
export function fieldErrors(schema: TSchema, value: unknown, faults: readonly SchemaFault[]): FieldError[] {
  const errors: FieldError[] = [];
  const unions = faults.filter((f) => f.keyword === 'anyOf');
  for (const fault of faults) {
    if (fault.keyword === 'additionalProperties' || hiddenByUnion(schema, value, fault, unions)) continue;
    if (fault.keyword === 'anyOf') {
      if (openBranch(schema, value, fault) === undefined) {
        const expected = nodeAt(schema, fault.schemaPath)?.description ?? fault.message;
        errors.push({ pointer: fault.instancePath, message: `${expected} Found ${show(value, fault.instancePath)}.` });
      }
    } else {
      errors.push(...(MESSAGES[fault.keyword]?.(fault, schema, value) ?? [plain(fault, value)]));
    }
  }
  return errors;
}

type Describe = (fault: SchemaFault, schema: TSchema, value: unknown) => FieldError[];

const MESSAGES: Record<string, Describe> = {
  // The schema of a field that there is none for is `false`: one fault a field, unlike `additionalProperties`.
  boolean: (fault, schema) => {
    const owner = nodeAt(schema, fault.schemaPath.replace(/\/additionalProperties$/, ''));
    const name = pointerSegments(fault.instancePath).at(-1) ?? '';
    const known = Object.keys((owner?.properties as object | undefined) ?? {});
    return [{ pointer: fault.instancePath, message: `unknown field${didYouMean(name, known)}` }];
  },
  required: (fault) =>
    (fault.params.requiredProperties as string[]).map((name) => ({
      pointer: fault.instancePath + pointer(name),
      message: 'is needed',
    })),
  enum: (fault, _schema, value) => {
    const allowed = fault.params.allowedValues as unknown[];
    const found = valueAt(value, fault.instancePath);
    const near = typeof found === 'string' ? didYouMean(found, allowed.map(String)) : '';
    const list = allowed.map((a) => JSON.stringify(a)).join(', ');
    return [
      {
        pointer: fault.instancePath,
        message: `must be ${allowed.length === 1 ? '' : 'one of '}${list}, found ${show(value, fault.instancePath)}${near}`,
      },
    ];
  },
};

function plain(fault: SchemaFault, value: unknown): FieldError {
  return { pointer: fault.instancePath, message: `${fault.message}, found ${show(value, fault.instancePath)}` };
}

/** A fault inside a branch of a union counts only when that branch is the open one. */
function hiddenByUnion(schema: TSchema, value: unknown, fault: SchemaFault, unions: readonly SchemaFault[]): boolean {
  return unions.some((union) => {
    const prefix = `${union.schemaPath}/anyOf/`;
    if (!fault.schemaPath.startsWith(prefix)) return false;
    const branch = Number(fault.schemaPath.slice(prefix.length).split('/')[0]);
    return branch !== openBranch(schema, value, union);
  });
}

/** The only branch of a union whose type is that of an object value; undefined for other values. */
function openBranch(schema: TSchema, value: unknown, union: SchemaFault): number | undefined {
  const found = valueAt(value, union.instancePath);
  if (typeof found !== 'object' || found === null || Array.isArray(found)) return undefined;
  const branches = (nodeAt(schema, union.schemaPath)?.anyOf as { type?: string }[] | undefined) ?? [];
  const objects = branches.flatMap((b, i) => (b.type === 'object' ? [i] : []));
  return objects.length === 1 ? objects[0] : undefined;
}

function nodeAt(schema: TSchema, schemaPath: string): Record<string, unknown> | undefined {
  return valueAt(schema, pointer(...pointerSegments(schemaPath))) as Record<string, unknown> | undefined;
}

function show(root: unknown, path: string): string {
  const text = JSON.stringify(valueAt(root, path)) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
