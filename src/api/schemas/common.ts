import Type, { type Static, type TSchema } from 'typebox';
import { LONGEST_DETAIL, LONGEST_ID, LONGEST_NAME, LONGEST_TEXT } from '../../checks/index.js';
import type { IdPrefix } from '../../jobs/ids.js';

export { closed } from '../../checks/index.js';

/** A schema registered under a name: shown once in the API's description, and referred to from there. */
export interface Named<T extends TSchema> {
  readonly schema: T & { readonly $id: string };
  readonly ref: Type.TUnsafe<Static<T>>;
}

export function named<T extends TSchema>($id: string, schema: T): Named<T> {
  return { schema: { ...schema, $id }, ref: Type.Unsafe<Static<T>>({ $ref: `${$id}#` }) };
}

export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

type Annotations = { readonly description?: string; readonly examples?: readonly string[] };

/** The id of a resource. */
export const Id = (annotations: Annotations = {}) => Type.String({ maxLength: LONGEST_ID, ...annotations });
/** One of a fixed set of words that may grow. */
export const Code = (annotations: Annotations = {}) => Type.String({ maxLength: LONGEST_ID, ...annotations });
/** A name out of somebody's file. */
export const Name = (annotations: Annotations = {}) => Type.String({ maxLength: LONGEST_NAME, ...annotations });
/** For people to read. */
export const Text = (annotations: Annotations = {}) => Type.String({ maxLength: LONGEST_TEXT, ...annotations });
export const Sha256 = (annotations: Annotations = {}) => Type.String({ maxLength: 64, ...annotations });

/** Values by a name out of somebody's file. */
export const ByName = <T extends TSchema>(schema: T, maxProperties: number, annotations: Annotations = {}) =>
  Type.Record(Type.String(), schema, { maxProperties, propertyNames: { maxLength: LONGEST_NAME }, ...annotations });

/** A number, a word, or a list of them. */
const Setting = Type.Union([
  Type.Number(),
  Type.Boolean(),
  Type.Null(),
  Name(),
  Type.Array(Type.Union([Type.Number(), Name()]), { maxItems: 1024 }),
]);

/** Arguments of parts, of which plugins may have any. */
export const Settings = () => ByName(Setting, 100);

export const Timestamp = (description: string) => Type.String({ format: 'date-time', description });

const PAGE_LENGTH = 20;
const LONGEST_PAGE = 100;

/** @param prefix of the ids that are listed: a cursor is one of them */
export const pageFields = (prefix: IdPrefix) => ({
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: LONGEST_PAGE,
      default: PAGE_LENGTH,
      description: 'Most entries in one answer.',
    }),
  ),
  cursor: Type.Optional(
    Type.String({
      maxLength: LONGEST_ID,
      pattern: `^${prefix}_[0-9A-HJKMNP-TV-Z]{26}$`,
      description: '`next_cursor` of the page before.',
    }),
  ),
});

/** A page query with the length that it has when none is asked for. */
export function pageQuery<Q extends { limit?: number }>(query: Q): Q & { limit: number } {
  return { ...query, limit: query.limit ?? PAGE_LENGTH };
}

export const pageOf = <T extends TSchema>(entry: T) =>
  Type.Object({
    data: Type.Array(entry, {
      maxItems: LONGEST_PAGE,
      description:
        'Newest first. May be fewer than `limit` where entries are long: `next_cursor` says whether there are more.',
    }),
    next_cursor: Nullable(Id({ description: 'Ask for the next page with it; null on the last page.' })),
  });

/** Of one answer. */
export const MOST_ERRORS = 1000;

export const Problem = named(
  'Problem',
  Type.Object(
    {
      type: Type.String({ maxLength: 100, description: 'The code as a URN.' }),
      title: Text({ description: 'What the code means.' }),
      status: Type.Integer({ description: 'The HTTP status.' }),
      detail: Type.String({ maxLength: LONGEST_DETAIL, description: 'What was found and what was expected.' }),
      code: Code({ description: 'A code of docs/errors.md.' }),
      request_id: Id({ description: 'Names the request in the logs.' }),
      errors: Type.Optional(
        Type.Array(
          Type.Object({
            pointer: Type.String({ maxLength: LONGEST_DETAIL, description: 'JSON pointer into what was sent.' }),
            message: Type.String({ maxLength: LONGEST_DETAIL }),
          }),
          {
            maxItems: MOST_ERRORS,
            description: 'One entry for each fault of bad input.',
          },
        ),
      ),
    },
    {
      description: 'An error as RFC 9457 has it.',
      examples: [
        {
          type: 'urn:espalier:error:CONFIG_INVALID',
          title: 'The config is not valid',
          status: 422,
          detail: '/target/macs: A share in (0, 1] of the original, or {"at_most": NUMBER} in multiply-adds. Found 2.',
          code: 'CONFIG_INVALID',
          request_id: 'req_01K0000000000000000000000',
          errors: [{ pointer: '/config/target/macs', message: 'A share in (0, 1] … Found 2.' }],
        },
      ],
    },
  ),
);

/** What of each error an operation may answer. */
const PROBLEMS = {
  400: 'The request is malformed.',
  401: 'The service has a key, and the request does not bring it.',
  404: 'There is no such resource.',
  409: 'Not in this state, or not while something else needs it.',
  413: 'The upload or the body is too large.',
  415: 'The body is of another media type.',
  422: 'What was sent is not valid; `errors` point to it where it has fields.',
  429: 'Too many jobs are queued, or waits and event streams open. Try again after `Retry-After` seconds.',
  503: 'Not now: the queue is away, no worker is there, or too much is on its way to clients. Try again after `Retry-After` seconds.',
  507: 'The disk is full. Try again after `Retry-After` seconds.',
  default: 'Any other error.',
} as const;

/** The error responses of an operation: those named, that of a missing key, and any other. */
export function problems(...statuses: readonly (keyof typeof PROBLEMS)[]): Record<string, TSchema> {
  const content = { 'application/problem+json': { schema: Problem.ref } };
  const response = (description: string) => ({ description, content }) as unknown as TSchema;
  return Object.fromEntries([401 as const, ...statuses, 'default' as const].map((s) => [s, response(PROBLEMS[s])]));
}

/** Bytes of a file. `format` is what generators of clients know, `contentMediaType` what OpenAPI 3.1 says. */
export const FileBytes = Type.Unsafe<string>({
  type: 'string',
  format: 'binary',
  contentMediaType: 'application/octet-stream',
});
