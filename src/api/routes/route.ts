import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyBaseLogger, FastifyInstance, FastifyTypeProvider, RawServerDefault } from 'fastify';
import type { Static, TSchema } from 'typebox';

/** Types what comes in by its schema; what goes out is a view (views.ts), which tests hold against its schema. */
interface SchemaTypes extends FastifyTypeProvider {
  validator: this['schema'] extends TSchema ? Static<this['schema']> : unknown;
  serializer: unknown;
}

/** A Fastify instance whose handlers are typed by the TypeBox schemas of their routes. */
export type TypedApp = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  SchemaTypes
>;

/** Of answers that are sent as text that is there already. */
export const JSON_TYPE = 'application/json; charset=utf-8';

/** For routes whose body is read part by part, or checked by hand: Fastify checks nothing. */
export const checkedByHand = { validatorCompiler: () => () => true } as const;
