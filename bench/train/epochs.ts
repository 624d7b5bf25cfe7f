/**
 * Ten epochs of ResNet-20 on MNIST's 10,000 test images (padded to 32×32×3), from the same initial weights in the same order on
 * both sides: the final loss against PyTorch's own spread from seed to seed. `npm run bench:epochs -- [seeds] [epochs]`
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom, shuffledOrder } from '../../src/data/random.js';
import { openEngine } from '../../src/engine/index.js';
import { readMnist } from '../../test/support/mnist.js';
import { noiseImages } from './images.js';
import { BENCH_NETS } from './nets.js';
import { OwnSide } from './own-side.js';
import { bytesOf, TorchPeer } from './torch-peer.js';

const LEARNING_RATE = 0.05;
const SIZE = 32;
const MARGIN = 2;
const DIGIT = 28;

const [seeds = 3, epochs = 10] = process.argv.slice(2).map(Number);
const [net] = BENCH_NETS;
const { images, labels } = paddedMnist();
const folder = await mkdtemp(join(tmpdir(), 'espalier-bench-'));
const engine = await openEngine({ engine: 'auto', threads: 2 });
console.log(
  `${net.name}, ${labels.length} images, ${epochs} epochs, learning rate ${LEARNING_RATE}, engine ${engine.name}`,
);
const peerLosses: number[] = [];
const ownLosses: number[] = [];
try {
  for (let seed = 0; seed < seeds; seed++) {
    const graph = net.build(seededRandom(seed));
    const noise = noiseImages(graph, net.batch);
    const order = Int32Array.from({ length: epochs }, (_, epoch) => epoch).reduce(
      (all, epoch) => {
        all.set(shuffledOrder(labels.length, seed, epoch), epoch * labels.length);
        return all;
      },
      new Int32Array(epochs * labels.length),
    );
    const own = await OwnSide.open(engine, graph, noise);
    ownLosses.push((await own.epochs(images, labels, order, LEARNING_RATE)).at(-1)!);
    await own.close();
    peerLosses.push(await peerLoss(graph, noise.data, order));
    console.log(`seed ${seed}: final loss ${ownLosses[seed].toFixed(5)}, PyTorch ${peerLosses[seed].toFixed(5)}`);
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}
const spread = Math.max(...peerLosses) - Math.min(...peerLosses);
const farthest = Math.max(...ownLosses.map((loss, seed) => Math.abs(loss - peerLosses[seed])));
console.log(`PyTorch's spread ${spread.toFixed(5)}, farthest from it with the same seed ${farthest.toFixed(5)}`);
process.exit();

async function peerLoss(graph: Parameters<TorchPeer['open']>[0], noise: Float32Array, order: Int32Array) {
  const paths = {
    images: join(folder, 'mnist.bin'),
    labels: join(folder, 'labels.bin'),
    order: join(folder, 'order.bin'),
  };
  await writeFile(paths.images, bytesOf(images));
  await writeFile(paths.labels, bytesOf(labels));
  await writeFile(paths.order, bytesOf(order));
  const peer = new TorchPeer();
  try {
    await peer.open(graph, noise, { threads: 2, folder, batch: net.batch });
    const command = { do: 'epochs', ...paths, learning_rate: LEARNING_RATE, batch: net.batch };
    return (await peer.ask<{ losses: number[] }>(command)).losses.at(-1)!;
  } finally {
    peer.close();
  }
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
