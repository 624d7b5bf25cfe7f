import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CompiledGraph, type Engine, medianOf, timeRuns } from '../../engine/index.js';
import { GraphBuilder } from '../../graph/builder.js';
import { graphCost } from '../../graph/cost.js';
import type { Graph, Node } from '../../graph/graph.js';
import { groupCount } from '../../graph/ops/index.js';
import { elementCount, type Tensor, tensor } from '../../graph/tensor.js';
import type { MutableChannelUnit } from '../../pruning/index.js';
import { VERSION } from '../../version.js';
import { randomInputs } from '../feeding/random-inputs.js';

/** Kinds of layers that engines compute in blocks of channels. */
const LAYERS = ['convolution', 'pointwise', 'depthwise'] as const;
type LayerKind = (typeof LAYERS)[number];

/** Block sizes, each with widths that are odd multiples of it. */
const WIDTHS: Readonly<Record<number, readonly number[]>> = {
  1: [47, 49],
  2: [46, 50],
  4: [44, 52],
  8: [40, 56],
  16: [48],
};
export const BLOCKS = Object.keys(WIDTHS).map(Number);

/** By kind of layer and block size: what a multiply-add costs in widths of such blocks, as a multiple of what it costs in the best. */
export type WidthTable = Readonly<Record<LayerKind, Readonly<Record<number, number>>>>;

/** A block size is good enough when it costs this little more than the best that a unit is wide enough for. */
const GOOD_ENOUGH = 1.1;

/** Of fewer blocks a unit has too few widths to choose from: with two, a ResNet-20 lost 0.1 points more at half of the MACs, and 2 at 0.3. */
const LEAST_BLOCKS = 4;

const EXTENT = 14;
const LAYERS_IN_LINE = 4;
const TURNS = 15;
const RUNS_A_TURN = 5;

/**
 * How many channels make a block of a unit, by what its layers cost in such blocks.
 * @param graph of the units
 * @example blockOf(unit) // 16, on a CPU whose convolutions take 16 channels at once
 */
export function blocksOf(table: WidthTable, graph: Graph): (unit: MutableChannelUnit) => number {
  const { perNode } = graphCost(graph);
  const known = new Map<MutableChannelUnit, number>();
  const find = (unit: MutableChannelUnit): number => {
    const { outputRelated, inputRelated } = unit.channelUnit;
    const layers = [...new Set([...outputRelated, ...inputRelated].map(({ node }) => node))].flatMap((node) => {
      const kind = kindOf(graph, node);
      return kind ? [{ kind, macs: perNode.get(node.name)!.macs }] : [];
    });
    if (layers.length === 0) return 1;
    const costs = BLOCKS.filter((block) => block === 1 || unit.numChannels >= LEAST_BLOCKS * block).map((block) => ({
      block,
      cost: layers.reduce((sum, { kind, macs }) => sum + macs * table[kind][block], 0),
    }));
    const best = Math.min(...costs.map(({ cost }) => cost));
    return costs.find(({ cost }) => cost <= GOOD_ENOUGH * best)!.block;
  };
  return (unit) => {
    const block = known.get(unit) ?? find(unit);
    known.set(unit, block);
    return block;
  };
}

function kindOf(graph: Graph, node: Node): LayerKind | undefined {
  if (node.op !== 'Conv' && node.op !== 'ConvTranspose') return undefined;
  const weights = graph.constants.get(node.inputs[1])?.tensor.shape;
  if (!weights) return undefined;
  if (groupCount(node) > 1 && weights[1] === 1) return 'depthwise';
  return elementCount(weights.slice(2)) === 1 ? 'pointwise' : 'convolution';
}

/**
 * What an engine rewards on this machine. Measured once, in about two seconds; what was measured stays in a file of the machine's folder
 * for temporary files.
 * @throws the signal's reason, between two turns
 */
export async function findWidthTable(engine: Engine, signal: AbortSignal): Promise<WidthTable> {
  const path = join(tmpdir(), `espalier-${process.getuid?.() ?? 'widths'}`, `widths-${keyOf(engine)}.json`);
  const known = await readTable(path);
  if (known) return known;
  const table = await measureWidths(engine, signal);
  await writeTable(path, table);
  return table;
}

function keyOf({ name, device, threads }: Engine): string {
  const machine = `${VERSION} ${cpus()[0]?.model ?? ''}`;
  return `${name}-${device}-${threads}-${machine}`.replace(/[^\w.-]+/g, '_');
}

async function readTable(path: string): Promise<WidthTable | undefined> {
  try {
    const found = JSON.parse(await readFile(path, 'utf8')) as WidthTable;
    const isWhole = LAYERS.every((kind) => BLOCKS.every((block) => Number.isFinite(found[kind]?.[block])));
    return isWhole ? found : undefined;
  } catch {
    // There is none, or it is damaged: it is measured.
    return undefined;
  }
}

/** Whole or not at all: jobs may measure at the same time. A folder that can't be written is no reason to fail. */
async function writeTable(path: string, table: WidthTable): Promise<void> {
  const part = `${path}.${process.pid}`;
  try {
    await mkdir(join(path, '..'), { recursive: true, mode: 0o700 });
    await writeFile(part, JSON.stringify(table));
    await rename(part, path);
  } catch {
    // It is measured again.
  }
}

/** Nets of every width take turns, so that a machine whose speed drifts favours none. */
export async function measureWidths(engine: Engine, signal: AbortSignal): Promise<WidthTable> {
  const entries: [LayerKind, Record<number, number>][] = [];
  for (const kind of LAYERS) {
    const nets = Object.entries(WIDTHS).flatMap(([block, widths]) => {
      return widths.map((width) => ({ block: Number(block), graph: lineOf(kind, width) }));
    });
    const costs = await costsOf(
      engine,
      nets.map(({ graph }) => graph),
      signal,
    );
    const means = BLOCKS.map((block) => {
      const own = costs.filter((_, i) => nets[i].block === block);
      return own.reduce((sum, cost) => sum + cost, 0) / own.length;
    });
    const best = Math.min(...means);
    entries.push([kind, Object.fromEntries(BLOCKS.map((block, i) => [block, means[i] / best]))]);
  }
  return Object.fromEntries(entries) as WidthTable;
}

/** Milliseconds a multiply-add. */
async function costsOf(engine: Engine, graphs: readonly Graph[], signal: AbortSignal): Promise<number[]> {
  const runners: { compiled: CompiledGraph; feeds: ReadonlyMap<string, Tensor>; times: number[] }[] = [];
  try {
    for (const graph of graphs) {
      const compiled = await engine.compile(graph, { idle: 'sleep' });
      runners.push({ compiled, feeds: randomInputs(graph, 1, 0), times: [] });
    }
    for (let turn = 0; turn < TURNS; turn++) {
      signal.throwIfAborted();
      for (const { compiled, feeds, times } of runners) {
        await timeRuns(compiled, feeds, 1);
        times.push(medianOf(await timeRuns(compiled, feeds, RUNS_A_TURN)));
      }
    }
    return runners.map(({ times }, i) => medianOf(times) / graphCost(graphs[i]).macs);
  } finally {
    for (const { compiled } of runners) await compiled.release();
  }
}

/** Some layers of a kind and a width, one after the other. */
function lineOf(kind: LayerKind, width: number): Graph {
  const b = new GraphBuilder(`${kind} ${width}`);
  const spatial = kind === 'pointwise' ? [1, 1] : [3, 3];
  const group = kind === 'depthwise' ? width : 1;
  const pads = kind === 'pointwise' ? [0, 0, 0, 0] : [1, 1, 1, 1];
  const filled = (shape: number[]) => {
    const data = Float32Array.from({ length: elementCount(shape) }, (_, i) => ((i * 37) % 101) / 500 - 0.1);
    return tensor('float32', shape, data);
  };
  let x = b.input('x', { dtype: 'float32', shape: ['N', width, EXTENT, EXTENT] });
  for (let layer = 0; layer < LAYERS_IN_LINE; layer++) {
    const w = b.constant(`w${layer}`, filled([width, width / group, ...spatial]), 'parameter');
    const bias = b.constant(`b${layer}`, filled([width]), 'parameter');
    x = b.op('Relu', [b.op('Conv', [x, w, bias], { pads, group })]);
  }
  b.output('y', x);
  return b.build();
}
