/** Trains the benchmark's nets with Espalier and with PyTorch, in turns: `npm run bench:train -- --help`. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type EngineName, openEngine } from '../../src/engine/index.js';
import { type Comparison, compare } from './compare.js';
import { BENCH_NETS } from './nets.js';
import { TorchPeer } from './torch-peer.js';
import { VARIANTS } from './variants.js';

const USAGE = `npm run bench:train -- [options]

Training step and forward pass of each net, Espalier against PyTorch on the same threads (Debian: python3-torch), in
turns, medians of all runs. A ratio below 1 means that Espalier is faster.

  --nets M1,M4         which nets (default: ${BENCH_NETS.map(({ name }) => name.slice(0, 2)).join(',')})
  --variants full      which variants (default: ${VARIANTS.map(({ name }) => name).join(',')})
  --rounds 10          turns of two runs each
  --threads 2          threads of both sides
  --engine auto        auto, native, onnxruntime or tensorflow
  --no-memory          don't measure peak memory (it takes a fresh process for each side)
`;

const { values } = parseArgs({
  options: {
    help: { type: 'boolean', default: false },
    nets: { type: 'string' },
    variants: { type: 'string' },
    rounds: { type: 'string', default: '10' },
    threads: { type: 'string', default: '2' },
    engine: { type: 'string', default: 'auto' },
    'no-memory': { type: 'boolean', default: false },
  },
});

async function main(torch: string): Promise<void> {
  const engine = await openEngine({ engine: values.engine as EngineName, threads: Number(values.threads) });
  const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
  console.log(
    `engine ${engine.name} against PyTorch ${torch}, ${engine.threads} threads, ms a step (own / PyTorch = ratio)`,
  );
  const rows: Comparison[] = [];
  try {
    for (const net of BENCH_NETS.filter(({ name }) => chosen(values.nets, name.slice(0, 2)))) {
      for (const variant of VARIANTS.filter(({ name }) => chosen(values.variants, name))) {
        const options = { engine, rounds: Number(values.rounds), memory: !values['no-memory'], folder };
        const row = await compare(net, variant, options);
        rows.push(row);
        console.log(line(row));
      }
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  console.log(`geomean train ${geomean(rows, 'train')} forward ${geomean(rows, 'forward')}`);
  process.exit();
}

function chosen(list: string | undefined, name: string): boolean {
  return list === undefined || list.split(',').includes(name);
}

function line(row: Comparison): string {
  const { train, forward, shares, gradientError, peakBytes } = row;
  const times = ({ own, peer }: { own: number; peer: number }) =>
    `${own.toFixed(1)} / ${peer.toFixed(1)} = ${(own / peer).toFixed(2)}`;
  const parts = [
    `${row.net} ${row.variant}`.padEnd(24),
    `${(row.macs / 1e6).toFixed(1)} M MACs`,
    `train ${times(train)} (${row.layout})`,
    `forward ${times(forward)}`,
    `gradient error ${gradientError.own.toExponential(1)} / ${gradientError.peer.toExponential(1)} = ${(gradientError.own / gradientError.peer).toFixed(2)}`,
  ];
  if (peakBytes) parts.push(`MB ${megabytes(peakBytes.own)} / ${megabytes(peakBytes.peer)}`);
  if (shares) {
    const { macs, step } = shares;
    const kept = `${(100 * (macs / step)).toFixed(0)} % of the MACs ratio`;
    parts.push(`MACs ${macs.toFixed(2)}, step ${step.toFixed(2)} of the whole net's: ${kept}`);
  }
  return parts.join(' | ');
}

const megabytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);

function geomean(rows: readonly Comparison[], what: 'train' | 'forward'): string {
  const logs = rows.map((row) => Math.log(row[what].own / row[what].peer));
  return Math.exp(logs.reduce((sum, each) => sum + each, 0) / logs.length).toFixed(2);
}

if (values.help) {
  process.stdout.write(USAGE);
} else {
  const version = TorchPeer.version();
  if (version === undefined) {
    console.error(
      'PyTorch is not here (Debian: apt-get install python3-torch; else set PEER_PYTHON to a Python with it)',
    );
    process.exit(1);
  }
  await main(version);
}
