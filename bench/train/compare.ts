import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Engine } from '../../src/engine/index.js';
import { graphCost } from '../../src/graph/cost.js';
import type { Graph } from '../../src/graph/graph.js';
import { bindShapes } from '../../src/graph/passes/reinfer.js';
import { ForwardSide } from './forward-side.js';
import { noiseImages } from './images.js';
import { median } from './median.js';
import type { BenchNet } from './nets.js';
import { OwnSide } from './own-side.js';
import { bytesOf, TorchPeer } from './torch-peer.js';
import { type Side, takeTurns } from './turns.js';
import { buildVariant, type Variant } from './variants.js';

/** What a net's sides took: medians in milliseconds, bytes, errors. Without PyTorch there is less. */
export interface Comparison {
  readonly net: string;
  readonly variant: string;
  readonly macs: number;
  readonly train: { readonly own: number; readonly torch?: number | undefined };
  readonly forward: { readonly own: number; readonly onnxruntime: number; readonly torch?: number | undefined };
  /** Of a pruned net: its MACs' and its step's share of the whole net's, both steps timed in turns. */
  readonly shares?: { readonly macs: number; readonly step: number } | undefined;
  /** PyTorch's faster layout when it trains. */
  readonly layout?: string | undefined;
  /** Relative (L2), of all gradients against float64, the median over batches. */
  readonly gradientError?: { readonly own: number; readonly torch: number } | undefined;
  readonly peakBytes?: { readonly own: number; readonly torch?: number | undefined } | undefined;
}

export interface CompareOptions {
  /** What is measured. */
  readonly engine: Engine;
  /** A peer of the forward pass, on as many threads. */
  readonly onnxruntime: Engine;
  /** Whether PyTorch is here, the other peer. */
  readonly torch: boolean;
  /** Rounds in which each side has its turn. */
  readonly rounds: number;
  readonly memory: boolean;
  /** For the files that PyTorch reads. */
  readonly folder: string;
}

const MEMORY_SCRIPT = fileURLToPath(new URL('./memory.js', import.meta.url));
const MEMORY_STEPS = 6;
const GRADIENT_BATCHES = 5;

/** Times a net's sides in turns, then what each holds in memory. */
export async function compare(net: BenchNet, variant: Variant, options: CompareOptions): Promise<Comparison> {
  const { engine, rounds, memory, folder } = options;
  const graph = buildVariant(net, variant);
  const { batch } = net;
  const images = noiseImages(graph, batch);
  const torch = options.torch ? new TorchPeer() : undefined;
  try {
    const layouts = await torch?.open(graph, images.data, { threads: engine.threads, folder, batch });
    const own = await OwnSide.open(engine, graph, images);
    const whole = variant.divisor === undefined ? undefined : await OwnSide.open(engine, buildWhole(net), images);
    const onnxruntime = await ForwardSide.open(options.onnxruntime, graph, images);
    const gradientError = torch && (await gradientErrors(own, torch, graph, batch, folder));
    const training = new Map<'own' | 'torch' | 'whole', Side>([['own', (runs) => own.train(runs)]]);
    const passes = new Map<'own' | 'torch' | 'onnxruntime', Side>([['own', (runs) => own.forward(runs)]]);
    if (torch) {
      training.set('torch', (runs) => torch.time('train', runs));
      passes.set('torch', (runs) => torch.time('forward', runs));
    }
    if (whole) training.set('whole', (runs) => whole.train(runs));
    passes.set('onnxruntime', (runs) => onnxruntime.forward(runs));
    const train = await takeTurns(training, rounds);
    const forward = await takeTurns(passes, rounds);
    await own.close();
    await whole?.close();
    await onnxruntime.close();
    torch?.close();
    const macs = macsOf(graph, images.shape);
    const step = train.get('own')!;
    return {
      net: net.name,
      variant: variant.name,
      macs,
      shares: whole && { macs: macs / macsOf(buildWhole(net), images.shape), step: step / train.get('whole')! },
      layout: layouts?.train,
      train: { own: step, torch: train.get('torch') },
      forward: { own: forward.get('own')!, onnxruntime: forward.get('onnxruntime')!, torch: forward.get('torch') },
      gradientError,
      peakBytes: memory ? await peakBytes(net, variant, engine, layouts?.train, folder) : undefined,
    };
  } finally {
    torch?.close();
  }
}

const buildWhole = (net: BenchNet): Graph => buildVariant(net, { name: 'full' });

const macsOf = (graph: Graph, images: readonly number[]): number =>
  graphCost(bindShapes(graph, { x: [1, ...images.slice(1)] })).macs;

/**
 * Over several batches: one activation that rounds to the other side of zero can outweigh all other errors of a batch, and
 * which batch that happens in is chance.
 */
async function gradientErrors(own: OwnSide, torch: TorchPeer, graph: Graph, batch: number, folder: string) {
  const errors = { own: [] as number[], torch: [] as number[] };
  for (let seed = 0; seed < GRADIENT_BATCHES; seed++) {
    const batchImages = noiseImages(graph, batch, 100 + seed);
    const images = join(folder, 'gradient-images.bin');
    writeFileSync(images, bytesOf(batchImages.data));
    const ask = async (dtype: string) => {
      const to = join(folder, `gradients-${dtype}.bin`);
      await torch.ask({ do: 'gradients', images, dtype, to });
      const bytes = readFileSync(to);
      return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
    };
    const exact = await ask('float64');
    errors.own.push(relativeError((await own.gradients(batchImages)).values, exact));
    errors.torch.push(relativeError(await ask('float32'), exact));
  }
  return { own: median(errors.own), torch: median(errors.torch) };
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

/** Each side in a fresh process, which has trained this net alone, PyTorch (where it is here) in its faster layout only. */
async function peakBytes(net: BenchNet, variant: Variant, engine: Engine, layout: string | undefined, folder: string) {
  const args = [MEMORY_SCRIPT, net.name, variant.name, engine.name, String(engine.threads)];
  const own = Number(execFileSync(process.execPath, args, { encoding: 'utf8' }).trim());
  if (layout === undefined) return { own };
  const graph = buildVariant(net, variant);
  const fresh = new TorchPeer();
  try {
    const { batch } = net;
    const images = noiseImages(graph, batch).data;
    await fresh.open(graph, images, { threads: engine.threads, folder, batch, layout });
    await fresh.time('train', MEMORY_STEPS);
    const { peak_bytes } = await fresh.ask<{ peak_bytes: number }>({ do: 'memory' });
    return { own, torch: peak_bytes };
  } finally {
    fresh.close();
  }
}
