/**
 * `npm run demo`: the whole way of a job, as a user would go it. Makes data and a network, trains it once, starts the
 * service, submits the network over HTTP, downloads the pruned one, loads it in stock TensorFlow.js and compares.
 * Exits with 1 when anything is not as promised.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { SingleBar } from 'cli-progress';
import { pino } from 'pino';
import { openFileSet } from '../src/archive/index.js';
import { createClient, type JobView } from '../src/client/index.js';
import { readConfig } from '../src/config.js';
import { startService } from '../src/service.js';
import { type DemoInputs, prepareDemoInputs } from './demo-inputs.js';
import { loadLayersModel, runStock, type StockRun, useWasm } from './stock-tfjs.js';

const CONFIG = {
  target: { macs: 0.5 },
  algorithm: { mutator_cfg: { channel_unit_cfg: { default_args: { divisor: 4 } } }, prune_times: 2 },
  finetune: { epochs: 4, batch_size: 32, optimizer: { type: 'adam' as const, learning_rate: 0.002 } },
};

/** The pruned network may be this much less accurate, in shares of the validation samples. */
const MOST_DROP = 0.02;

function progressBar(title: string): { update(share: number, note: string): void; stop(): void } {
  const bar = new SingleBar({
    format: `${title.padEnd(22)} {bar} {percentage}%  {note}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 28,
    hideCursor: true,
    // Without a terminal (CI, a pipe): a line every few seconds.
    noTTYOutput: true,
    notTTYSchedule: 5000,
    linewrap: null,
  });
  bar.start(100, 0, { note: '' });
  return {
    update: (share, note) => bar.update(Math.round(share * 100), { note }),
    stop: () => bar.stop(),
  };
}

async function pruneOverHttp(inputs: DemoInputs, folder: string): Promise<JobView> {
  const config = readConfig({ PORT: '0', DATA_DIR: join(folder, 'data'), LOG_LEVEL: 'error' });
  const service = await startService(config, pino({ level: 'error' }));
  try {
    const client = createClient({ url: service.url });
    console.log(`service at ${service.url}, pruning to half of the MACs`);
    const job = await client.submit({
      model: ['model.json', 'weights.bin'].map((name) => join(inputs.modelFolder, name)),
      dataset: inputs.dataPath,
      config: CONFIG,
    });
    const bar = progressBar('pruning, finetuning');
    const finished = await client.waitForJob(job.id, {
      onProgress: ({ progress, phase, status }) => bar.update(progress, status === 'running' ? (phase ?? '') : status),
    });
    bar.stop();
    if (finished.status === 'succeeded') await client.downloadModel(job.id, join(folder, 'pruned.zip'));
    return finished;
  } finally {
    await service.close();
  }
}

async function unzip(path: string, to: string): Promise<void> {
  const files = await openFileSet(path);
  for (const name of files.names) {
    await mkdir(dirname(join(to, name)), { recursive: true });
    await writeFile(join(to, name), await files.read(name));
  }
  await files.close();
}

const percent = (share: number) => `${(share * 100).toFixed(1)} %`;

function printComparison(
  { headline, stages, baseline, pruned, equivalence }: NonNullable<JobView['result']>,
  before: StockRun,
  after: StockRun,
): void {
  const ms = (value: number) => `${value.toFixed(2)} ms`;
  const count = (value: number) => value.toLocaleString('en-US');
  const rows: [string, number, number, (value: number) => string][] = [
    ['accuracy', baseline.accuracy!, pruned.accuracy!, percent],
    ['accuracy in stock tfjs', before.accuracy, after.accuracy, percent],
    ['parameters', baseline.parameters, pruned.parameters, count],
    ['MACs', baseline.macs, pruned.macs, count],
    ['bytes', baseline.size_bytes, pruned.size_bytes, count],
    ['latency, onnxruntime', baseline.latency_ms!, pruned.latency_ms!, ms],
    ['latency, tfjs WASM', before.latencyMs, after.latencyMs, ms],
  ];
  console.log(`\n${''.padEnd(24)}${'before'.padStart(12)}${'after'.padStart(12)}${'share'.padStart(9)}`);
  for (const [name, a, b, show] of rows) {
    console.log(
      `${name.padEnd(24)}${show(a).padStart(12)}${show(b).padStart(12)}${`${((b / a) * 100).toFixed(0)} %`.padStart(9)}`,
    );
  }
  printStages(stages!);
  console.log(
    `\ncertificate: the delivered file, read back, differs from the masked original by ${equivalence!.relative.toExponential(1)} of its outputs' spread (${equivalence!.samples} samples)`,
  );
  console.log(`\n${headline}`);
}

function printStages(stages: NonNullable<NonNullable<JobView['result']>['stages']>): void {
  const [a, b, c, d] = ['accuracy', '95 % interval', 'agreement', 'seconds'];
  console.log(`\n${'step'.padEnd(24)}${a.padStart(12)}${b.padStart(20)}${c.padStart(12)}${d.padStart(10)}`);
  for (const { stage, accuracy, interval, agreement, seconds } of stages) {
    const range = interval!.map(percent).join(' to ');
    const figures = [percent(accuracy!).padStart(12), range.padStart(20), percent(agreement!).padStart(12)];
    console.log(`${stage.padEnd(24)}${figures.join('')}${seconds.toFixed(1).padStart(10)}`);
  }
}

/** Everything that the demo promises; what isn't so. */
function findFaults(job: JobView, before: StockRun, after: StockRun): string[] {
  const { baseline, pruned, equivalence, stages, headline } = job.result!;
  const promises: [boolean, string][] = [
    [equivalence!.ok && equivalence!.relative <= 1e-5, `the certificate is ${equivalence!.relative}`],
    [pruned.macs <= 0.5 * baseline.macs, `${pruned.macs} of ${baseline.macs} MACs are more than half`],
    [pruned.size_bytes < baseline.size_bytes, 'the file is not smaller'],
    [baseline.accuracy! > 0.85, `the network was trained to ${baseline.accuracy} only`],
    [pruned.accuracy! >= baseline.accuracy! - MOST_DROP, `accuracy fell to ${pruned.accuracy}`],
    [Math.abs(before.accuracy - baseline.accuracy!) <= 0.002, `stock tfjs finds ${before.accuracy} before`],
    [Math.abs(after.accuracy - pruned.accuracy!) <= 0.002, `stock tfjs finds ${after.accuracy} after`],
    [
      stages!.map(({ stage }) => stage).join() === 'original,pruned,recovered,finetuned,exported',
      `the steps are ${stages!.map(({ stage }) => stage).join()}`,
    ],
    [headline!.includes(percent(pruned.accuracy!)), `the headline is ${headline}`],
    [after.parameters === pruned.parameters, `stock tfjs counts ${after.parameters} parameters`],
  ];
  return promises.filter(([holds]) => !holds).map(([, fault]) => fault);
}

async function main(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'espalier-demo-'));
  try {
    let bar: ReturnType<typeof progressBar> | undefined;
    const inputs = await prepareDemoInputs((share, accuracy) => {
      bar ??= progressBar('training the network');
      bar.update(share, accuracy === null ? '' : `accuracy ${(accuracy * 100).toFixed(1)} %`);
    });
    bar?.stop();
    const job = await pruneOverHttp(inputs, folder);
    if (job.status !== 'succeeded') {
      console.error(`the job ${job.status}: ${job.error?.code} ${job.error?.message}`);
      return 1;
    }
    await unzip(join(folder, 'pruned.zip'), join(folder, 'pruned'));
    await useWasm();
    const { pixels, labels } = inputs.validation;
    const before = runStock(await loadLayersModel(inputs.modelFolder), pixels, labels);
    const after = runStock(await loadLayersModel(join(folder, 'pruned')), pixels, labels);
    printComparison(job.result!, before, after);
    for (const { code, message } of job.warnings) console.log(`warning ${code}: ${message}`);
    const faults = findFaults(job, before, after);
    for (const fault of faults) console.error(`NOT AS PROMISED: ${fault}`);
    return faults.length > 0 ? 1 : 0;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main();
