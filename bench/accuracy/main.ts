/** What pruned networks are still worth: `npm run bench:accuracy -- --help`. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openEngine } from '../../src/engine/index.js';
import { countOption, jsonOption, listOption, numbersOption, readOptions } from '../options.js';
import { rowData } from './data/job-data.js';
import { TestImages } from './data/test-images.js';
import { CACHE } from './folders.js';
import { NETS, type Net, openNet, USUAL_NETS } from './nets/index.js';
import { type NetReport, reportText } from './report/tables.js';
import { buildName } from './rows/build.js';
import { ROW_KINDS, type Row, rowsOf } from './rows/grid.js';
import type { MeasuredRow } from './rows/measured-row.js';
import { RowLog, rowKey } from './rows/row-log.js';
import { runRow } from './rows/run-row.js';

const USAGE = `npm run bench:accuracy -- [options]

Accuracy on the 5,000 test images of CIFAR-10 of nets that jobs pruned, by the share of the MACs and by the images that the
jobs had. Each row is a job in a process of its own; it is measured here, on the file that it delivers. Tables go to stdout.

Nets that are missing are trained first (residual a quarter of an hour, transformer hours; .cache/accuracy/nets). A row that is done is kept
(.cache/accuracy/rows-BUILD.jsonl) and not run again by the same build of src/: a run that was stopped goes on where it was.

  --only plain,…       which nets, of ${NETS.join(', ')}
                       (default: ${USUAL_NETS.join(',')})
  --rows raw,…         which kinds (default: ${ROW_KINDS.join(',')}): raw and recovered without training; default is what
                       a config with a target alone gives; finetuned has labels
  --shares 0.5,…       which shares of the MACs (default: all)
  --samples 128,…      which numbers of images (default: all)
  --draws 3            draws of images, at most
  --config '{…}'       fields that are laid over every job's config, for ablations
  --parallel 2         jobs at a time
  --threads 1          of each job
  --fresh              forget the rows of this build
  --report             make the tables of the rows that there are, run nothing
`;

const values = readOptions(USAGE, {
  only: { type: 'string', default: USUAL_NETS.join(',') },
  rows: { type: 'string', default: ROW_KINDS.join(',') },
  shares: { type: 'string' },
  samples: { type: 'string' },
  draws: { type: 'string', default: '3' },
  config: { type: 'string', default: '{}' },
  parallel: { type: 'string', default: '2' },
  threads: { type: 'string', default: '1' },
  fresh: { type: 'boolean', default: false },
  report: { type: 'boolean', default: false },
});
const threads = countOption('threads', values.threads);
const rows = rowsOf({
  nets: listOption('only', values.only, NETS),
  kinds: listOption('rows', values.rows, ROW_KINDS),
  ...(values.shares !== undefined && { shares: numbersOption('shares', values.shares) }),
  ...(values.samples !== undefined && { samples: numbersOption('samples', values.samples) }),
  draws: countOption('draws', values.draws),
  overlay: jsonOption('config', values.config),
});

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
const build = buildName();
const log = await RowLog.open(join(CACHE, `rows-${build}.jsonl`), { fresh: values.fresh });
const engine = await openEngine({ engine: 'auto', threads: 1 });
const images = await TestImages.open(engine);
const reports: NetReport[] = [];
try {
  for (const name of new Set(rows.map(({ net }) => net))) {
    reports.push(
      await measureNet(
        await openNet(name, tell),
        rows.filter(({ net }) => net === name),
      ),
    );
  }
} finally {
  await images.close();
}
console.log(`${reportText(reports)}\n\nBuild ${build}; ${threads} thread(s) a job, ${values.parallel} at a time.`);
process.exit();

async function measureNet(net: Net, wanted: readonly Row[]): Promise<NetReport> {
  const bytes = await readFile(net.path);
  const accuracy = await images.accuracyOf(net.path);
  const keyed = wanted.map((row) => ({ row, key: rowKey(row, bytes, threads) }));
  const missing = keyed.filter(({ key }) => !log.find(key));
  const done = `${keyed.length - missing.length} of ${keyed.length} rows are there`;
  tell(`${net.name}: ${(100 * accuracy).toFixed(2)} %; ${done}`);
  const waiting = values.report ? [] : missing;
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const dataset = await rowData(next.row);
      const row = await runRow(next, { model: net.path, dataset, threads, images, signal: stop.signal });
      await log.add(row);
      tell(rowLine(row));
    }
  };
  const lanes = Array.from({ length: countOption('parallel', values.parallel) }, lane);
  try {
    await Promise.all(lanes);
  } catch (error) {
    // The other lanes' jobs end too.
    stop.abort();
    await Promise.allSettled(lanes);
    throw error;
  }
  return { net, accuracy, rows: keyed.flatMap(({ key }) => log.find(key) ?? []) };
}

function rowLine({ row, accuracy, refused, costs }: MeasuredRow): string {
  const { net, kind, share, source, samples, draw } = row;
  const found = accuracy === null ? refused?.code : `${(100 * accuracy).toFixed(2)} %`;
  return `${net} ${kind} ${share}, ${samples} ${source}, draw ${draw}: ${found}, ${costs.cpuSeconds.toFixed(1)} s of CPU`;
}

function tell(line: string): void {
  process.stderr.write(`${line}\n`);
}
