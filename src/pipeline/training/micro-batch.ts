import { createMicroSteps, type TrainingOptions, type TrainingStep } from '../../autodiff/index.js';
import type { CompiledGraph } from '../../engine/engine.js';
import { guessedMemory, toldMemory, valueBytes } from '../../engine/run-memory.js';
import type { Graph } from '../../graph/graph.js';

/** What a job may hold, and what it holds before it trains. */
export interface MemoryBudget {
  readonly limitBytes: number;
  usedBytes(): number;
}

/** @param limitBytes absent: nothing limits it */
export function processBudget(limitBytes: number | undefined): MemoryBudget | undefined {
  return limitBytes === undefined ? undefined : { limitBytes, usedBytes: () => process.memoryUsage.rss() };
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
  const told = toldMemory(step.graph, compiled, batchSize);
  const wholeBytes = told ?? guessedMemory(valueBytes(step.graph, batchSize));
  const plan = { batchSize, wholeBytes, availableBytes: budget ? available : null };
  const fits = settled === undefined ? wholeBytes <= available : settled >= batchSize;
  if (fits) return { ...plan, microBatch: batchSize, bytes: wholeBytes };
  const { gradient } = createMicroSteps(graph, options);
  const whole = valueBytes(step.graph, batchSize);
  // What the engine told of the whole batch, it will need of a part in proportion.
  const predict = (size: number): number => {
    const values = valueBytes(gradient.graph, size);
    return told !== undefined ? wholeBytes * (values / whole) : guessedMemory(values);
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
