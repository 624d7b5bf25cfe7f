import Type from 'typebox';
import { EspalierError } from '../../errors.js';
import { Recent } from '../../jobs/recent.js';
import { createTurns } from '../../jobs/turns.js';
import type { UnitsTemplate, UnitTemplate } from '../../prune-config/index.js';
import { endOf, type OpenAnswers } from '../open-answers.js';
import { receiveUpload } from '../receive-upload.js';
import { closed, Id, pageFields, pageOf, pageQuery, problems } from '../schemas/common.js';
import { FilesForm, Model, Units } from '../schemas/uploads.js';
import type { Services } from '../services.js';
import { modelView } from '../views.js';
import { checkedByHand, JSON_TYPE, type TypedApp } from './route.js';

const tags = ['models'];

/** Answers that are kept: models never change. */
const UNITS_BYTES = 32 * 2 ** 20;

const Params = Type.Object({ id: Id({ description: 'Id of a model.' }) });

export function modelRoutes(app: TypedApp, services: Services, open: OpenAnswers): void {
  const turn = createTurns();
  const texts = new Recent<Buffer>(UNITS_BYTES, ({ length }) => length);
  const { store, uploads } = services;
  const find = async (id: string) => {
    const model = await store.findUpload('model', id);
    if (!model) throw missing(id);
    return model;
  };

  app.post(
    '/models',
    {
      ...checkedByHand,
      schema: {
        tags,
        operationId: 'uploadModel',
        summary: 'Upload a model',
        description:
          'A `.zip` of a model folder, or `model.json` with its weight shards as several `file` parts, or one file of a single-file format. Answers once the model has been read. The same bytes again answer 200 with the same id.',
        body: { content: { 'multipart/form-data': { schema: FilesForm } } },
        response: { 200: Model.ref, 201: Model.ref, ...problems(400, 413, 415, 422, 503, 507) },
      },
    },
    async (request, reply) => {
      const { upload, created } = await receiveUpload('model', request, services);
      reply.code(created ? 201 : 200).header('location', `/models/${upload.id}`);
      return modelView(upload);
    },
  );

  app.get(
    '/models',
    {
      schema: {
        tags,
        operationId: 'listModels',
        summary: 'List models',
        description: 'Stored models, newest first.',
        querystring: Type.Object(pageFields('mdl'), closed),
        response: { 200: pageOf(Model.ref), ...problems(422) },
      },
    },
    async ({ query }) => {
      const page = await store.listUploads('model', pageQuery(query));
      return { data: page.data.map(modelView), next_cursor: page.nextCursor };
    },
  );

  app.get(
    '/models/:id',
    {
      schema: {
        tags,
        operationId: 'getModel',
        summary: 'Get a model',
        description: 'The record of a stored model.',
        params: Params,
        response: { 200: Model.ref, ...problems(404) },
      },
    },
    async ({ params }) => modelView(await find(params.id)),
  );

  app.delete(
    '/models/:id',
    {
      schema: {
        tags,
        operationId: 'deleteModel',
        summary: 'Delete a model',
        description: 'Removes the files too. Refused while an unfinished job needs it.',
        params: Params,
        response: { 204: Type.Null({ description: 'Gone.' }), ...problems(404, 409) },
      },
    },
    async ({ params }, reply) => {
      await uploads.remove('model', params.id);
      return reply.code(204).send();
    },
  );

  app.get(
    '/models/:id/units',
    {
      schema: {
        tags,
        operationId: 'getUnits',
        summary: 'Get the channel units of a model',
        description:
          "The mutator's config template: which channels are coupled, and what can't be pruned and why. For default settings, with every output kept.",
        params: Params,
        querystring: Type.Object(
          {
            only_mutable_units: Type.Optional(
              Type.Boolean({
                default: false,
                description: 'Leave out units that can not be pruned.',
              }),
            ),
            with_unit_init_args: Type.Optional(
              Type.Boolean({ default: false, description: 'With `init_args` of each unit.' }),
            ),
            with_channels: Type.Optional(
              Type.Boolean({ default: false, description: 'With the layers of each unit.' }),
            ),
          },
          closed,
        ),
        response: { 200: Units.ref, ...problems(404, 422, 503) },
      },
    },
    async (request, reply) => {
      const { params, query } = request;
      await find(params.id);
      const { only_mutable_units, with_unit_init_args, with_channels } = query;
      const text = await texts.read(
        `${params.id} ${[only_mutable_units, with_unit_init_args, with_channels].map(Number)}`,
        async () => {
          const units = await store.findUnits(params.id);
          await turn();
          return units && Buffer.from(JSON.stringify(unitsView(units, query)));
        },
      );
      if (text === undefined) throw missing(params.id);
      return reply.type(JSON_TYPE).send(await open.addText(text, () => endOf(request, reply)));
    },
  );
}

function missing(id: string): EspalierError {
  return new EspalierError('NOT_FOUND', `there is no model ${id}`);
}

interface UnitOptions {
  readonly only_mutable_units?: boolean;
  readonly with_unit_init_args?: boolean;
  readonly with_channels?: boolean;
}

function unitsView(template: UnitsTemplate, options: UnitOptions): UnitsTemplate {
  const cfg = template.channel_unit_cfg;
  const units = Object.entries(cfg.units)
    .filter(([, unit]) => unit.is_mutable || !options.only_mutable_units)
    .map(([name, { init_args, channels, ...rest }]): [string, UnitTemplate] => [
      name,
      {
        ...(options.with_unit_init_args && init_args && { init_args }),
        ...(options.with_channels && channels && { channels }),
        ...rest,
      },
    ]);
  return { ...template, channel_unit_cfg: { ...cfg, units: Object.fromEntries(units) } };
}
