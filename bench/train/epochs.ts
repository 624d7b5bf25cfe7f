/**
 * Ten epochs of ResNet-20 on MNIST's 10,000 test images (padded to 32×32×3), for each seed from the same initial weights
 * in the same order on both sides: the final loss against PyTorch's own spread from seed to seed.
 * `npm run bench:epochs -- --help`
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom, shuffledOrder } from '../../src/data/random.js';
import { openEngine } from '../../src/engine/index.js';
import type { Graph } from '../../src/graph/graph.js';
import { readMnist } from '../../test/support/mnist.js';
import { readNumbers } from '../options.js';
import { noiseImages } from './images.js';
import { BENCH_NETS } from './nets.js';
import { OwnSide } from './own-side.js';
import { bytesOf, TorchPeer } from './torch-peer.js';

const LEARNING_RATE = 0.05;
const SIZE = 32;
const MARGIN = 2;
const DIGIT = 28;

const USAGE = `npm run bench:epochs -- [seeds] [epochs] [threads] [first seed]

Ten epochs of ResNet-20 on MNIST's 10,000 test images, for each seed from the same initial weights in the same order with
Espalier and with PyTorch. Defaults: 3 seeds from 0 on, 10 epochs, 2 threads. PEER_PYTHON names the Python that has PyTorch.
`;

const ARGUMENTS = { seeds: 3, epochs: 10, threads: 2, 'first seed': 0 };
const [seeds, epochs, threads, firstSeed] = readNumbers(USAGE, ARGUMENTS);
const torch = TorchPeer.find();
if ('reason' in torch) {
  console.error(`PyTorch is absent, and there is nothing to compare with: ${torch.reason}`);
  process.exit(1);
}
const [net] = BENCH_NETS;
const { images, labels } = paddedMnist();
const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
const engine = await openEngine({ engine: 'auto', threads });
console.log(
  `${net.name}, ${labels.length} images, ${epochs} epochs, learning rate ${LEARNING_RATE}, threads ${threads}, engine ${engine.name}, PyTorch ${torch.version}`,
);
/** Mean loss of each epoch, of each seed. */
const own: number[][] = [];
const peer: number[][] = [];
try {
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    console.log(`seed ${seed}`);
    const graph = net.build(seededRandom(seed));
    const order = orderOf(seed);
    own.push(await ownLosses(graph, order));
    peer.push(await peerLosses(graph, order));
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
printLosses();
if (seeds > 1) printSpread(own.map(last), peer.map(last));
process.exit();

async function ownLosses(graph: Graph, order: Int32Array): Promise<number[]> {
  const side = await OwnSide.open(engine, graph, noiseImages(graph, net.batch));
  let epoch = 0;
  const tell = (loss: number) => console.log(`  Espalier, epoch ${++epoch}: ${loss.toFixed(5)}`);
  const losses = await side.epochs(images, labels, order, LEARNING_RATE, tell);
  await side.close();
  return losses;
}

async function peerLosses(graph: Graph, order: Int32Array): Promise<number[]> {
  const paths = {
    images: join(folder, 'mnist.bin'),
    labels: join(folder, 'labels.bin'),
    order: join(folder, 'order.bin'),
  };
  await writeFile(paths.images, bytesOf(images));
  await writeFile(paths.labels, bytesOf(labels));
  await writeFile(paths.order, bytesOf(order));
  const side = new TorchPeer();
  try {
    await side.open(graph, noiseImages(graph, net.batch).data, { threads, folder, batch: net.batch });
    const command = { do: 'epochs', ...paths, learning_rate: LEARNING_RATE, batch: net.batch };
    return (await side.ask<{ losses: number[] }>(command)).losses;
  } finally {
    side.close();
  }
}

/** The images of all epochs, one epoch after the other. */
function orderOf(seed: number): Int32Array {
  const order = new Int32Array(epochs * labels.length);
  for (let epoch = 0; epoch < epochs; epoch++) {
    order.set(shuffledOrder(labels.length, seed, epoch), epoch * labels.length);
  }
  return order;
}

function printLosses(): void {
  console.log(
    `| epoch | ${own.map((_, i) => `seed ${firstSeed + i}: Espalier | PyTorch`).join(' | ')} | mean: Espalier | PyTorch | difference |`,
  );
  console.log(`|${' --- |'.repeat(2 * seeds + 4)}`);
  for (let epoch = 0; epoch < epochs; epoch++) {
    const [ours, theirs] = [own, peer].map((side) => mean(side.map((losses) => losses[epoch])));
    const cells = own.map((losses, i) => `${losses[epoch].toFixed(5)} | ${peer[i][epoch].toFixed(5)}`);
    const means = `${ours.toFixed(5)} | ${theirs.toFixed(5)} | ${(ours - theirs).toFixed(5)}`;
    console.log(`| ${epoch + 1} | ${cells.join(' | ')} | ${means} |`);
  }
}

/** All of ours within the spread around PyTorch's with the same seed: one line says so, or says otherwise. */
function printSpread(ours: number[], theirs: number[]): void {
  const spread = Math.max(...theirs) - Math.min(...theirs);
  const differences = ours.map((loss, i) => loss - theirs[i]);
  const farthest = Math.max(...differences.map(Math.abs));
  const off = mean(ours) - mean(theirs);
  console.log(
    `final losses: PyTorch's spread ${spread.toFixed(5)} (standard deviation ${deviation(theirs).toFixed(5)}), ` +
      `ours ${(Math.max(...ours) - Math.min(...ours)).toFixed(5)} (${deviation(ours).toFixed(5)}), ` +
      `mean difference ${off.toFixed(5)}, farthest from PyTorch's with the same seed ${farthest.toFixed(5)}`,
  );
  console.log(
    `the mean is ${Math.abs(off) <= spread ? 'within' : 'OUTSIDE'} PyTorch's spread, each seed's loss ${farthest <= spread ? 'within' : 'OUTSIDE'}`,
  );
}

function last(values: readonly number[]): number {
  return values[values.length - 1];
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of a sample. */
function deviation(values: readonly number[]): number {
  const middle = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - middle) ** 2, 0) / (values.length - 1));
}

function paddedMnist(): { images: Float32Array; labels: Int32Array } {
  const mnist = readMnist();
  const count = mnist.labels.length;
  const padded = new Float32Array(count * 3 * SIZE * SIZE);
  for (let n = 0; n < count; n++) {
    for (let y = 0; y < DIGIT; y++) {
      for (let x = 0; x < DIGIT; x++) {
        const value = mnist.images[(n * DIGIT + y) * DIGIT + x] / 255;
        for (let c = 0; c < 3; c++) padded[((n * 3 + c) * SIZE + y + MARGIN) * SIZE + x + MARGIN] = value;
      }
    }
  }
  return { images: padded, labels: Int32Array.from(mnist.labels) };
}
