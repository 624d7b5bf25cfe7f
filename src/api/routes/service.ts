import Type from 'typebox';
import { DATASET_FORMATS } from '../../contract.js';
import { EspalierError } from '../../errors.js';
import { installedEngines } from '../../installed-engines.js';
import { FORMATS } from '../../model-formats.js';
import { BUILT_IN_PARTS } from '../../prune-config/index.js';
import { VERSION } from '../../version.js';
import { findWebGpuFault } from '../../webgpu.js';
import { Code, Name, problems, Text } from '../schemas/common.js';
import type { Services } from '../services.js';
import type { TypedApp } from './route.js';

const tags = ['service'];
const Status = Type.Object({ status: Code() });
const Readiness = Type.Object({
  status: Code(),
  damaged_records: Type.Optional(
    Type.Integer({ description: 'Records that can not be read, and are left out of lists; the log names them.' }),
  ),
});
const Names = Type.Array(Name(), { maxItems: 1000 });

const names = (parts: readonly { readonly name: string }[]) => parts.map(({ name }) => name);

/** What is installed doesn't change while the process runs. */
const engines = installedEngines();
const engineNames = [...new Set(engines.map((engine) => engine.name))];
const deviceNames = [...new Set(engines.map((engine) => engine.device))];

async function devices(): Promise<string[]> {
  return (await findWebGpuFault()) === undefined ? [...deviceNames, 'webgpu'] : deviceNames;
}

export function serviceRoutes(
  app: TypedApp,
  { queue, store, disk, limits, installed = BUILT_IN_PARTS }: Services,
): void {
  app.get(
    '/healthz',
    {
      schema: {
        tags,
        operationId: 'getHealth',
        summary: 'Is the process alive?',
        description: 'Answers as long as the process serves requests.',
        response: { 200: Status },
      },
    },
    async () => ({ status: 'ok' }),
  );

  /** What `/readyz` said last; numbers in it (bytes that are left) may differ each time. */
  let told: string | undefined;
  const tell = (fault?: Error): void => {
    const now = fault?.message.replace(/\d+/g, '#');
    if (now === told) return;
    told = now;
    if (fault === undefined) app.log.info('the service is ready again');
    else app.log.error({ err: fault }, `the service is not ready: ${fault.message}`);
  };
  const findReadiness = async () => {
    await store.hasJob('');
    const ready = await queue.ready();
    const diskFault = await disk?.findFault();
    if (diskFault !== undefined) throw new EspalierError('UNAVAILABLE', diskFault, { retryable: true });
    if (ready !== true) throw new EspalierError('UNAVAILABLE', ready, { retryable: true });
    const damaged = store.damagedRows();
    return { status: 'ready', ...(damaged > 0 && { damaged_records: damaged }) };
  };

  app.get(
    '/readyz',
    {
      // Asked each second: what changes is told by itself.
      logLevel: 'silent',
      schema: {
        tags,
        operationId: 'getReadiness',
        summary: 'Can the service take jobs?',
        description: 'Asks the record, the disk and the queue.',
        response: { 200: Readiness, 503: problems(503)[503] },
      },
    },
    async () => {
      try {
        const found = await findReadiness();
        tell();
        return found;
      } catch (error) {
        tell(error as Error);
        throw error;
      }
    },
  );

  app.get(
    '/capabilities',
    {
      schema: {
        tags,
        operationId: 'getCapabilities',
        summary: 'What the service can do',
        description:
          'Formats of models and of data sets, engines and devices, algorithms, criteria and limits. Engines are those whose packages are installed beside this process; the device `cuda` means that the one for GPUs is, `webgpu` that an adapter answers here.',
        response: {
          200: Type.Object({
            version: Code(),
            formats: Names,
            dataset_formats: Names,
            engines: Names,
            devices: Names,
            algorithms: Names,
            mutators: Names,
            units: Names,
            criteria: Names,
            criterion_details: Type.Array(
              Type.Object({
                name: Name(),
                about: Type.Optional(Text()),
                needs: Type.Optional(Type.Enum(['nothing', 'samples'])),
                cost: Type.Optional(Text({ description: 'Of a unit of H channels.' })),
              }),
              {
                maxItems: 1000,
                description: 'What criteria rank by, what they need beside the model, and what they cost.',
              },
            ),
            targets: Names,
            limits: Type.Object({
              upload_bytes: Type.Integer(),
              dataset_upload_bytes: Type.Integer(),
              json_bytes: Type.Integer(),
              queued_jobs: Type.Integer(),
              open_waits: Type.Integer(),
              job_deadline_seconds: Type.Integer(),
              job_memory_bytes: Type.Integer(),
              inspection_seconds: Type.Number(),
              inspection_memory_bytes: Type.Integer(),
              unpacked_bytes: Type.Integer(),
              compression_ratio: Type.Integer(),
              entries: Type.Integer(),
              dataset_unpacked_bytes: Type.Integer(),
              dataset_entries: Type.Integer(),
            }),
          }),
        },
      },
    },
    async () => ({
      version: VERSION,
      formats: Object.keys(FORMATS),
      dataset_formats: [...DATASET_FORMATS],
      engines: engineNames,
      devices: await devices(),
      algorithms: names(installed.algorithms),
      mutators: names(installed.mutators),
      units: names(installed.unitTypes),
      criteria: names(installed.criteria),
      criterion_details: installed.criteria.map(({ name, about, needs, cost }) => ({ name, about, needs, cost })),
      targets: ['macs', 'parameters', 'size', 'latency'],
      limits: {
        upload_bytes: limits.uploadBytes,
        dataset_upload_bytes: limits.datasetUploadBytes,
        json_bytes: limits.jsonBytes,
        queued_jobs: limits.queuedJobs,
        open_waits: limits.openWaits,
        job_deadline_seconds: limits.jobDeadlineMs / 1000,
        job_memory_bytes: limits.jobMemoryBytes,
        inspection_seconds: limits.inspectionDeadlineMs / 1000,
        inspection_memory_bytes: limits.inspectionMemoryBytes,
        unpacked_bytes: limits.archive.unpackedBytes,
        compression_ratio: limits.archive.compressionRatio,
        entries: limits.archive.entries,
        dataset_unpacked_bytes: limits.datasetArchive.unpackedBytes,
        dataset_entries: limits.datasetArchive.entries,
      },
    }),
  );
}
