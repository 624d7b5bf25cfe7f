import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Engine } from '../../src/engine/index.js';
import { graphCost } from '../../src/graph/cost.js';
import type { Graph } from '../../src/graph/graph.js';
import { bindShapes } from '../../src/graph/passes/reinfer.js';
import { noiseImages } from './images.js';
import type { BenchNet } from './nets.js';
import { OwnSide } from './own-side.js';
import { bytesOf, TorchPeer } from './torch-peer.js';
import { buildVariant, type Variant } from './variants.js';

/** What both sides took: medians in milliseconds, bytes, and the relative error (L2) of
 * all gradients against float64, the median over batches. */
export interface Comparison {
  readonly net: string;
  readonly variant: string;
  readonly macs: number;
  readonly layout: string;
  readonly train: { readonly own: number; readonly peer: number };
  readonly forward: { readonly own: number; readonly peer: number };
  /** Of a pruned net: its MACs' and its step's share of the whole net's, both steps timed in turns. */
  readonly shares?: { readonly macs: number; readonly step: number };
  readonly gradientError: { readonly own: number; readonly peer: number };
  readonly peakBytes?: { readonly own: number; readonly peer: number };
}

export interface CompareOptions {
  readonly engine: Engine;
  /** Rounds in which each side has its turn. */
  readonly rounds: number;
  readonly memory: boolean;
  /** For the files that the peer reads. */
  readonly folder: string;
}

const MEMORY_SCRIPT = fileURLToPath(new URL('./memory.js', import.meta.url));
const MEMORY_STEPS = 6;
const GRADIENT_BATCHES = 5;

/** Runs both sides in turns, so that whatever else the machine does falls on both. */
export async function compare(net: BenchNet, variant: Variant, options: CompareOptions): Promise<Comparison> {
  const { engine, rounds, memory, folder } = options;
  const graph = buildVariant(net, variant);
  const { batch } = net;
  const images = noiseImages(graph, batch);
  const peer = new TorchPeer();
  try {
    const layouts = await peer.open(graph, images.data, { threads: engine.threads, folder, batch });
    const own = await OwnSide.open(engine, graph, images);
    const whole = variant.divisor === undefined ? undefined : await OwnSide.open(engine, buildWhole(net), images);
    const wholeTimes: number[] = [];
    const errors = await gradientErrors(own, peer, graph, batch, folder);
    const times = {
      train: { own: [] as number[], peer: [] as number[] },
      forward: { own: [] as number[], peer: [] as number[] },
    };
    await whole?.train(2);
    for (const what of ['train', 'forward'] as const) {
      await own[what](2);
      await peer.time(what, 2);
      for (let round = 0; round < rounds; round++) {
        times[what].own.push(...(await own[what](2)));
        times[what].peer.push(...(await peer.time(what, 2)));
        if (what === 'train' && whole) wholeTimes.push(...(await whole.train(2)));
      }
    }
    await own.close();
    await whole?.close();
    const macs = macsOf(graph, images.shape);
    const step = median(times.train.own);
    const shares = whole && { macs: macs / macsOf(buildWhole(net), images.shape), step: step / median(wholeTimes) };
    const row: Comparison = {
      net: net.name,
      variant: variant.name,
      macs,
      ...(shares && { shares }),
      layout: layouts.train,
      train: { own: step, peer: median(times.train.peer) },
      forward: { own: median(times.forward.own), peer: median(times.forward.peer) },
      gradientError: errors,
    };
    if (!memory) return row;
    peer.close();
    return { ...row, peakBytes: await peakBytes(net, variant, engine, layouts.train, folder) };
  } finally {
    peer.close();
  }
}

const buildWhole = (net: BenchNet): Graph => buildVariant(net, { name: 'full' });

const macsOf = (graph: Graph, images: readonly number[]): number =>
  graphCost(bindShapes(graph, { x: [1, ...images.slice(1)] })).macs;

/**
 * Over several batches: one activation that rounds to the other side of zero can outweigh all other errors of a batch, and
 * which batch that happens in is chance.
 */
async function gradientErrors(own: OwnSide, peer: TorchPeer, graph: Graph, batch: number, folder: string) {
  const errors = { own: [] as number[], peer: [] as number[] };
  for (let seed = 0; seed < GRADIENT_BATCHES; seed++) {
    const batchImages = noiseImages(graph, batch, 100 + seed);
    const images = join(folder, 'gradient-images.bin');
    writeFileSync(images, bytesOf(batchImages.data));
    const ask = async (dtype: string) => {
      const to = join(folder, `gradients-${dtype}.bin`);
      await peer.ask({ do: 'gradients', images, dtype, to });
      const bytes = readFileSync(to);
      return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    };
    const exact = await ask('float64');
    errors.own.push(relativeError((await own.gradients(batchImages)).values, exact));
    errors.peer.push(relativeError(await ask('float32'), exact));
  }
  return { own: median(errors.own), peer: median(errors.peer) };
}

function relativeError(values: ArrayLike<number>, exact: Float64Array): number {
  let error = 0;
  let norm = 0;
  for (let i = 0; i < exact.length; i++) {
    error += (values[i] - exact[i]) ** 2;
    norm += exact[i] ** 2;
  }
  return Math.sqrt(error / norm);
}

/** Each side in a fresh process, which has trained this net alone, PyTorch in its faster layout only. */
async function peakBytes(net: BenchNet, variant: Variant, engine: Engine, layout: string, folder: string) {
  const args = [MEMORY_SCRIPT, net.name, variant.name, engine.name, String(engine.threads)];
  const own = Number(execFileSync(process.execPath, args, { encoding: 'utf8' }).trim());
  const graph = buildVariant(net, variant);
  const fresh = new TorchPeer();
  try {
    const { batch } = net;
    const images = noiseImages(graph, batch).data;
    await fresh.open(graph, images, { threads: engine.threads, folder, batch, layout });
    await fresh.time('train', MEMORY_STEPS);
    const { peak_bytes } = await fresh.ask<{ peak_bytes: number }>({ do: 'memory' });
    return { own, peer: peak_bytes };
  } finally {
    fresh.close();
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
