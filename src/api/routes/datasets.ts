import Type from 'typebox';
import { EspalierError } from '../../errors.js';
import { receiveUpload } from '../receive-upload.js';
import { closed, Id, pageFields, pageOf, pageQuery, problems } from '../schemas/common.js';
import { Dataset, FilesForm } from '../schemas/uploads.js';
import type { Services } from '../services.js';
import { datasetView } from '../views.js';
import { checkedByHand, type TypedApp } from './route.js';

const tags = ['datasets'];
const Params = Type.Object({ id: Id({ description: 'Id of a data set.' }) });

export function datasetRoutes(app: TypedApp, services: Services): void {
  const { store, uploads } = services;

  app.post(
    '/datasets',
    {
      ...checkedByHand,
      schema: {
        tags,
        operationId: 'uploadDataset',
        summary: 'Upload a data set',
        description:
          'One `file` part: an `.npz` with `x_train`, `y_train` and perhaps `x_test`, `y_test`, or with `x` and `y`; or a `.zip` or `.tar` (also `.tar.gz`) of PNG, JPEG, WebP or GIF images: in folders of classes, in `train/` and `val/` or `test/` folders with folders of classes in them, or alone, as a data set without labels. Answers once the data have been read. The same bytes again answer 200 with the same id.',
        body: { content: { 'multipart/form-data': { schema: FilesForm } } },
        response: { 200: Dataset.ref, 201: Dataset.ref, ...problems(400, 413, 415, 422, 503, 507) },
      },
    },
    async (request, reply) => {
      const { upload, created } = await receiveUpload('dataset', request, services);
      reply.code(created ? 201 : 200).header('location', `/datasets/${upload.id}`);
      return datasetView(upload);
    },
  );

  app.get(
    '/datasets',
    {
      schema: {
        tags,
        operationId: 'listDatasets',
        summary: 'List data sets',
        description: 'Stored data sets, newest first.',
        querystring: Type.Object(pageFields('dst'), closed),
        response: { 200: pageOf(Dataset.ref), ...problems(422) },
      },
    },
    async ({ query }) => {
      const page = await store.listUploads('dataset', pageQuery(query));
      return { data: page.data.map(datasetView), next_cursor: page.nextCursor };
    },
  );

  app.get(
    '/datasets/:id',
    {
      schema: {
        tags,
        operationId: 'getDataset',
        summary: 'Get a data set',
        description: 'The record of a stored data set.',
        params: Params,
        response: { 200: Dataset.ref, ...problems(404) },
      },
    },
    async ({ params }) => {
      const dataset = await store.findUpload('dataset', params.id);
      if (!dataset) throw new EspalierError('NOT_FOUND', `there is no data set ${params.id}`);
      return datasetView(dataset);
    },
  );

  app.delete(
    '/datasets/:id',
    {
      schema: {
        tags,
        operationId: 'deleteDataset',
        summary: 'Delete a data set',
        description: 'Removes the files too. Refused while an unfinished job needs it.',
        params: Params,
        response: { 204: Type.Null({ description: 'Gone.' }), ...problems(404, 409) },
      },
    },
    async ({ params }, reply) => {
      await uploads.remove('dataset', params.id);
      return reply.code(204).send();
    },
  );
}
