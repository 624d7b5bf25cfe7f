/** The API as one plugin: plugins, routes, then what answers everything else. */
import multipart from '@fastify/multipart';
import type { FastifyInstance } from 'fastify';
import { OpenAnswers } from './open-answers.js';
import { parseJson } from './parse-json.js';
import { useAuth } from './plugins/auth.js';
import { useBodyPace } from './plugins/body-pace.js';
import { useClosing } from './plugins/closing.js';
import { useConnectionLimit } from './plugins/connection-limit.js';
import { useDocs } from './plugins/docs.js';
import { useEarlyAnswers } from './plugins/early-answers.js';
import { useHttpRules } from './plugins/http-rules.js';
import { useLocalOnly } from './plugins/local-only.js';
import { useMethodNotAllowed } from './plugins/methods.js';
import { useProblems } from './plugins/problems.js';
import { useRequestLog } from './plugins/request-log.js';
import { artifactRoutes } from './routes/artifacts.js';
import { datasetRoutes } from './routes/datasets.js';
import { eventRoutes } from './routes/events.js';
import { jobRoutes } from './routes/jobs.js';
import { modelRoutes } from './routes/models.js';
import type { TypedApp } from './routes/route.js';
import { serviceRoutes } from './routes/service.js';
import { Problem } from './schemas/common.js';
import { Artifact, Config, Job, JobSummary } from './schemas/jobs.js';
import { Report } from './schemas/report.js';
import { Dataset, Model, Units } from './schemas/uploads.js';
import type { Services } from './services.js';
import { compileValidator } from './validate.js';

export async function addApi(root: FastifyInstance, services: Services): Promise<void> {
  const app = root as TypedApp;
  app.setValidatorCompiler(compileValidator);
  // Views are made by hand, and tests hold them against the schemas: no second filter on the way out.
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  for (const { schema } of [Problem, Model, Dataset, Units, Job, JobSummary, Config, Artifact, Report])
    app.addSchema(schema);

  useClosing(root);
  useConnectionLimit(root);
  useEarlyAnswers(root, Math.max(services.limits.uploadBytes, services.limits.datasetUploadBytes));
  useProblems(root);
  useRequestLog(root);
  useHttpRules(root);
  useBodyPace(root, services.limits.body);
  useAuth(root, services.apiKey);
  useLocalOnly(root, services.apiKey);
  const addMethodNotAllowed = useMethodNotAllowed(root);
  await app.register(multipart);
  // Clients that label every request as JSON do so for those without a body, too (cancel, DELETE).
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, async (_request: unknown, body: string) =>
    body === '' ? undefined : parseJson(body, 'the body', services.limits.jsonBytes),
  );
  await useDocs(root);

  const open = new OpenAnswers(services.limits.openWaits);
  jobRoutes(app, services, open);
  eventRoutes(app, services, open);
  artifactRoutes(app, services);
  modelRoutes(app, services, open);
  datasetRoutes(app, services);
  serviceRoutes(app, services);
  addMethodNotAllowed();
}
