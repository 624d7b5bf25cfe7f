/**
 * What a worker and its child processes say to each other, in frames (frames.ts). Both sides check what they get:
 * a child has read bytes of strangers, so nothing that it says is taken on trust.
 *
 * A child starts, gets one request, sends any number of events, then one `done` or `error`, and exits.
 */
import { type Static, type TSchema, Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { LONGEST_PART_NAME, MOST_WARNINGS } from '../src/checks/bounds.js';
import {
  type DatasetInspection,
  type JobEvent,
  type JobOutcome,
  type JobSpec,
  type ModelInspection,
  OUTCOMES,
  PHASES,
} from '../src/contract.js';
import type { PartRows } from '../src/prune-config/index.js';
import type { CodedError } from '../src/queue/payloads.js';
import type { Parse } from './parse.js';

/** What is checked by a schema, as a type that is only read. */
type Checked<S> = S extends object ? { readonly [K in keyof S]: Checked<S[K]> } : S;

/** A schema of the type `T`: one that leaves out a field of it, or takes what it doesn't, does not compile. */
const schemaOf =
  <T>() =>
  <S extends TSchema>(
    schema: [Static<S>, Required<Static<S>>, T] extends [T, Required<T>, Checked<Static<S>>] ? S : never,
  ): Type.TUnsafe<T> =>
    Type.Unsafe<T>(schema);

const Text = Type.String({ maxLength: 16_384 });
const Code = Type.String({ maxLength: 64 });

/** What the receiver checks no further: it is stored and shown, never acted on, or comes from our own worker. */
const Opaque = <T>(schema: TSchema = Type.Object({})) => Type.Unsafe<T>(schema);

const message = <N extends string, F extends Type.TProperties>(type: N, fields: F) =>
  Type.Object({ type: Type.Literal(type), ...fields });

const Count = Type.Optional(Type.Number());

const Event = schemaOf<JobEvent>()(
  Type.Union([
    message('phase', { phase: Type.Enum([...PHASES]) }),
    message('progress', { progress: Type.Number({ minimum: 0, maximum: 1 }) }),
    message('metric', { name: Code, value: Type.Number(), step: Count, epoch: Count }),
    message('warning', { code: Code, message: Text }),
    message('log', { message: Text, fields: Type.Optional(Type.Record(Type.String(), Type.Unknown())) }),
  ]),
);

const Failure = message('error', {
  error: schemaOf<CodedError>()(
    Type.Object({
      code: Code,
      message: Text,
      errors: Type.Array(Type.Object({ pointer: Text, message: Text }), { maxItems: 1000 }),
      retryable: Type.Boolean(),
    }),
  ),
  /** For the log: where in the child it was thrown, and what caused it. Faults of ours have one. */
  trace: Type.Optional(Text),
});

const Outcome = schemaOf<JobOutcome>()(
  Type.Object({
    status: Type.Enum([...OUTCOMES]),
    result: Opaque<JobOutcome['result']>(Type.Union([Type.Object({}), Type.Null()])),
    artifacts: Type.Array(
      Type.Object({
        name: Type.String({ maxLength: 255, pattern: '^[^/\\\\]+$' }),
        content_type: Type.String({ maxLength: 255 }),
        size_bytes: Type.Integer({ minimum: 0 }),
        sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
      }),
      { maxItems: 1000 },
    ),
    warnings: Type.Array(Type.Object({ code: Code, message: Text }), { maxItems: MOST_WARNINGS }),
  }),
);

const Upload = Type.Object({ path: Type.String(), name: Type.String(), sha256: Type.String() });

const Archive = Type.Object({
  unpackedBytes: Type.Integer({ minimum: 1 }),
  compressionRatio: Type.Number({ minimum: 1 }),
  entries: Type.Integer({ minimum: 1 }),
});

const Spec = schemaOf<JobSpec>()(
  Type.Object({
    jobId: Type.String(),
    model: Upload,
    dataset: Type.Optional(Upload),
    config: Opaque<JobSpec['config']>(),
    outDir: Type.String(),
    checkpointDir: Type.String(),
    checkpointMs: Type.Optional(Type.Integer({ minimum: 0 })),
    engine: Opaque<JobSpec['engine']>(Type.String()),
    device: Type.Optional(Opaque<NonNullable<JobSpec['device']>>(Type.String())),
    threads: Type.Integer({ minimum: 0 }),
    memoryBytes: Type.Optional(Type.Integer({ minimum: 1 })),
    archive: Type.Optional(Archive),
    datasetArchive: Type.Optional(Archive),
    plugins: Type.Optional(Type.Array(Type.String())),
  }),
);

const PartName = Type.String({ maxLength: LONGEST_PART_NAME });

/** Of the parts that the operator's modules bring, besides the built-in ones. */
const Rows = Type.Array(Type.Object({ name: PartName, aliases: Type.Optional(Type.Array(PartName)) }), {
  maxItems: 1000,
});
const Parts = Type.Object({ algorithms: Rows, mutators: Rows, unitTypes: Rows, criteria: Rows });

function parser<S extends TSchema>(schema: S): Parse<Static<S>> {
  const compiled = Compile(schema);
  return (message) => (compiled.Check(message) ? (message as Static<S>) : undefined);
}

export const parseJobChildMessage = parser(Type.Union([Event, Failure, message('done', { value: Outcome })]));
export const parseInspectChildMessage = parser(
  Type.Union([Failure, message('done', { value: Opaque<ModelInspection | DatasetInspection>() })]),
);
export const parsePartsChildMessage = parser(
  Type.Union([Failure, message('done', { value: Opaque<PartRows>(Parts) })]),
);
export const parseJobRequest = parser(Type.Union([message('run', { spec: Spec }), message('cancel', {})]));
export const parsePartsRequest = parser(message('parts', { plugins: Type.Array(Type.String()) }));
