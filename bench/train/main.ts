/** Times the benchmark's nets with Espalier, PyTorch and onnxruntime, in turns: `npm run bench:train -- --help`. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Engine, openEngine } from '../../src/engine/index.js';
import { ENGINE_DEVICES, type EngineName } from '../../src/installed-engines.js';
import { choiceOption, countOption, listOption, readOptions } from '../options.js';
import { type Comparison, compare } from './compare.js';
import { BENCH_NETS } from './nets.js';
import { TorchPeer } from './torch-peer.js';
import { VARIANTS } from './variants.js';

const NETS = BENCH_NETS.map(({ name }) => name.slice(0, 2));

const USAGE = `npm run bench:train -- [options]

Training step and forward pass of each net, Espalier against PyTorch (Debian: python3-torch), the forward pass against
onnxruntime too, all on the same threads, in turns, medians of all runs. Before each turn the machine rests for 0.3 s, and
the turn's first run doesn't count. A ratio below 1 means that Espalier is faster. Without PyTorch the rest is measured.

  --nets M1,M4         which nets (default: ${NETS.join(',')})
  --variants full      which variants (default: ${VARIANTS.map(({ name }) => name).join(',')})
  --rounds 10          turns of two runs each
  --threads 2          threads of every side
  --engine auto        what is measured: ${Object.keys(ENGINE_DEVICES).join(', ')}
  --no-memory          don't measure peak memory (it takes a fresh process for each side)

PEER_PYTHON names the Python that has PyTorch (default: the system's).
`;

const values = readOptions(USAGE, {
  nets: { type: 'string', default: NETS.join(',') },
  variants: { type: 'string', default: VARIANTS.map(({ name }) => name).join(',') },
  rounds: { type: 'string', default: '10' },
  threads: { type: 'string', default: '2' },
  engine: { type: 'string', default: 'auto' },
  'no-memory': { type: 'boolean', default: false },
});
const nets = listOption('nets', values.nets, NETS);
const variants = listOption(
  'variants',
  values.variants,
  VARIANTS.map(({ name }) => name),
);
const rounds = countOption('rounds', values.rounds);
const threads = countOption('threads', values.threads);
const engineName = choiceOption('engine', values.engine, Object.keys(ENGINE_DEVICES) as EngineName[]);

const found = TorchPeer.find();
const torch = 'version' in found;
const engine = await openEngine({ engine: engineName, threads });
const onnxruntime = await openEngine({ engine: 'onnxruntime', threads });
console.log(`engine ${engine.name}, ${threads} threads, ms a step or pass (own / peer = ratio); ${peers(engine)}`);
if ('reason' in found) console.log(`PyTorch is absent, and with it training's peer: ${found.reason}`);
const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
const rows: Comparison[] = [];
try {
  for (const net of BENCH_NETS.filter(({ name }) => nets.includes(name.slice(0, 2)))) {
    for (const variant of VARIANTS.filter(({ name }) => variants.includes(name))) {
      const options = { engine, onnxruntime, torch, rounds, memory: !values['no-memory'], folder };
      const row = await compare(net, variant, options);
      rows.push(row);
      console.log(line(row));
    }
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
console.log(`geomean ${means(rows)}`);
process.exit();

function peers({ name }: Engine): string {
  const peer = `onnxruntime${name === 'onnxruntime' ? ' (the same engine)' : ''}`;
  return 'version' in found ? `peers PyTorch ${found.version} and, forward, ${peer}` : `peer, forward, ${peer}`;
}

function line(row: Comparison): string {
  const { train, forward, shares, gradientError, peakBytes } = row;
  const parts = [`${row.net} ${row.variant}`.padEnd(24), `${(row.macs / 1e6).toFixed(1)} M MACs`];
  if (train.torch === undefined) parts.push(`train ${train.own.toFixed(1)}`);
  else parts.push(`train ${ratio(train.own, train.torch)} (${row.layout})`);
  if (forward.torch !== undefined) parts.push(`forward ${ratio(forward.own, forward.torch)}`);
  parts.push(`forward, onnxruntime ${ratio(forward.own, forward.onnxruntime)}`);
  if (gradientError) {
    const { own, torch } = gradientError;
    parts.push(`gradient error ${own.toExponential(1)} / ${torch.toExponential(1)} = ${(own / torch).toFixed(2)}`);
  }
  if (peakBytes) parts.push(`MB ${[peakBytes.own, peakBytes.torch ?? []].flat().map(megabytes).join(' / ')}`);
  if (shares) {
    const { macs, step } = shares;
    const kept = `${(100 * (macs / step)).toFixed(0)} % of the MACs ratio`;
    parts.push(`MACs ${macs.toFixed(2)}, step ${step.toFixed(2)} of the whole net's: ${kept}`);
  }
  return parts.join(' | ');
}

function ratio(own: number, peer: number): string {
  return `${own.toFixed(1)} / ${peer.toFixed(1)} = ${(own / peer).toFixed(2)}`;
}

function megabytes(bytes: number): string {
  return (bytes / 2 ** 20).toFixed(0);
}

/** Geometric means of the ratios to each peer. */
function means(all: readonly Comparison[]): string {
  const columns: readonly [string, (row: Comparison) => [own: number, peer: number | undefined]][] = [
    ['train', ({ train }) => [train.own, train.torch]],
    ['forward', ({ forward }) => [forward.own, forward.torch]],
    ['forward, onnxruntime', ({ forward }) => [forward.own, forward.onnxruntime]],
  ];
  return columns
    .flatMap(([name, times]) => {
      const logs = all.map(times).flatMap(([own, peer]) => (peer === undefined ? [] : Math.log(own / peer)));
      if (logs.length === 0) return [];
      return `${name} ${Math.exp(logs.reduce((sum, each) => sum + each, 0) / logs.length).toFixed(2)}`;
    })
    .join(' | ');
}
