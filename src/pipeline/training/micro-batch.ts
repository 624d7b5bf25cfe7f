import { createMicroSteps, type TrainingOptions, type TrainingStep } from '../../autodiff/index.js';
import type { CompiledGraph } from '../../engine/engine.js';
import { type Graph, getSpec } from '../../graph/graph.js';
import { peakMemory } from '../../graph/peak-memory.js';

/** What a job may hold, and what it holds before it trains. */
export interface MemoryBudget {
  readonly limitBytes: number;
  usedBytes(): number;
}

/** What a step of a batch will take, and the size of the parts that the batch has to go through in. */
export interface BatchPlan {
  readonly batchSize: number;
  /** Equal to `batchSize` where it fits. */
  readonly microBatch: number;
  /** Predicted for the whole batch. */
  readonly wholeBytes: number;
  /** Predicted for the parts. */
  readonly bytes: number;
  /** null where nothing limits it: plans are JSON, for checkpoints. */
  readonly availableBytes: number | null;
}

/**
 * What an engine takes beside the values: kernels need copies of windows, an arena grows in steps. Measured with
 * onnxruntime (resident memory after three steps, by batch): 45 MiB and 3.4 times the values of ResNet-20 and of 3×3
 * convolutions at 56×56, 2.5 times those of a depthwise stack at 96×96.
 */
const KERNEL_SHARE = 3.5;
const ENGINE_BYTES = 48 * 2 ** 20;
/** Not all of the limit: the process is watched, and what is not predicted also needs room. */
const USABLE = 0.9;

/**
 * The largest part of a batch, halved until it fits, that a step can go through in.
 * @param compiled of the step; an engine that knows what it needs is asked, otherwise live values are counted
 * @param settled the size, where it has been settled before
 */
export function planBatch(
  graph: Graph,
  options: TrainingOptions,
  step: TrainingStep,
  compiled: CompiledGraph,
  batchSize: number,
  budget: MemoryBudget | undefined,
  settled?: number,
): BatchPlan {
  const available = budget ? USABLE * budget.limitBytes - budget.usedBytes() : Number.POSITIVE_INFINITY;
  const told = askEngine(step.graph, compiled, batchSize);
  const wholeBytes = told ?? guessStep(step.graph, batchSize);
  const plan = { batchSize, wholeBytes, availableBytes: budget ? available : null };
  const fits = settled === undefined ? wholeBytes <= available : settled >= batchSize;
  if (fits) return { ...plan, microBatch: batchSize, bytes: wholeBytes };
  const { gradient } = createMicroSteps(graph, options);
  const whole = valueBytes(step.graph, batchSize);
  // What the engine told of the whole batch, it will need of a part in proportion.
  const predict = (size: number): number => {
    const values = valueBytes(gradient.graph, size);
    return told !== undefined ? wholeBytes * (values / whole) : ENGINE_BYTES + KERNEL_SHARE * values;
  };
  if (settled !== undefined) return { ...plan, microBatch: settled, bytes: predict(settled) };
  let microBatch = batchSize;
  let bytes = wholeBytes;
  while (microBatch > 1 && bytes > available) {
    microBatch = Math.ceil(microBatch / 2);
    bytes = predict(microBatch);
  }
  return { ...plan, microBatch, bytes };
}

/** What the engine says that a step takes; undefined where it doesn't. */
function askEngine(graph: Graph, compiled: CompiledGraph, batch: number): number | undefined {
  const shapes = Object.fromEntries(
    graph.inputs.map((id) => [id, getSpec(graph, id).shape.map((dim) => (typeof dim === 'number' ? dim : batch))]),
  );
  const bytes = compiled.memoryBytes?.(shapes);
  return bytes === undefined ? undefined : inputBytes(shapes) + bytes;
}

const guessStep = (graph: Graph, batch: number): number => ENGINE_BYTES + KERNEL_SHARE * valueBytes(graph, batch);

/** In and out: new weights stand beside the old ones. */
function inputBytes(shapes: Readonly<Record<string, readonly number[]>>): number {
  const elements = Object.values(shapes).map((shape) => shape.reduce((n, d) => n * d, 1));
  return 2 * 4 * elements.reduce((sum, n) => sum + n, 0);
}

function valueBytes(graph: Graph, batch: number): number {
  const symbols = new Set(
    graph.inputs.flatMap((id) => getSpec(graph, id).shape.filter((dim): dim is string => typeof dim === 'string')),
  );
  return peakMemory(graph, Object.fromEntries([...symbols].map((symbol) => [symbol, batch])));
}
