import { type Graph, getSpec } from '../../graph/graph.js';
import { foldBatchNormalization } from '../../graph/passes/fold-batch-normalization.js';
import { foldConstants } from '../../graph/passes/fold-constants.js';
import { mergeCommon } from '../../graph/passes/merge-common.js';
import { bindShapes } from '../../graph/passes/reinfer.js';
import { allocate, elementCount, type Tensor } from '../../graph/tensor.js';
import { checkedFeed, checkOutput } from '../check-values.js';
import type { CompiledGraph, Engine } from '../engine.js';
import type { Addon, EngineHandle, ProgramHandle } from './addon.js';
import { type Plan, planGraph } from './plan/plan-graph.js';
import type { Kernels } from './plan/planner.js';
import { profileLines } from './profile.js';
import { createProgram, kernelsOf } from './program.js';
import { findRefusal, inOwnOps } from './supports.js';

export type NativeEngine = Engine & Required<Pick<Engine, 'findRefusal'>>;

/**
 * The whole-graph CPU engine: a graph becomes one list of instructions over one arena, planned when its extents are first
 * known and kept for them. Activations are channels-last inside.
 * @param options.threads from 1.
 * @param options.onProfile gets a table of where the time went when a graph is released; runs are timed for it.
 */
export function createNativeEngine(
  addon: Addon,
  options: { threads: number; onProfile?: (lines: string[]) => void },
): NativeEngine {
  const { threads, onProfile } = options;
  if (!Number.isInteger(threads) || threads < 1)
    throw new RangeError(`threads must be a number from 1, got ${threads}`);
  const handle = addon.createEngine(threads);
  const runner = new Runner(addon, handle, threads);
  return {
    name: 'native',
    device: 'cpu',
    threads,
    findRefusal: (graph) => findRefusal(graph, runner.kernels),
    async compile(graph) {
      const refusal = findRefusal(graph, runner.kernels);
      if (refusal) throw refusal;
      return new CompiledNativeGraph(graph, runner, onProfile);
    },
  };
}

/** The threads and memory of an engine: its graphs take turns. */
class Runner {
  readonly addon: Addon;
  readonly handle: EngineHandle;
  readonly kernels: Kernels;
  #last: Promise<unknown> = Promise.resolve();
  #graphs = 0;

  constructor(addon: Addon, handle: EngineHandle, threads: number) {
    this.addon = addon;
    this.handle = handle;
    this.kernels = kernelsOf(addon, handle, threads);
  }

  /** A graph that runs here from now on. */
  join(): void {
    this.#graphs++;
  }

  /** The last one gives the memory of runs back. */
  leave(): void {
    if (--this.#graphs === 0) this.addon.trim(this.handle);
  }

  /** Runs after all that were asked for before. */
  inTurn<T>(task: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(task);
    this.#last = turn.catch(() => {});
    return turn;
  }
}

interface Program {
  readonly plan: Plan;
  readonly handle: ProgramHandle;
}

class CompiledNativeGraph implements CompiledGraph {
  readonly #graph: Graph;
  /** What is planned: the same with fewer nodes. */
  readonly #simplified: Graph;
  readonly #runner: Runner;
  readonly #onProfile: ((lines: string[]) => void) | undefined;
  /** By the extents of the inputs. */
  readonly #programs = new Map<string, Program>();
  #released = false;

  constructor(graph: Graph, runner: Runner, onProfile?: (lines: string[]) => void) {
    this.#graph = graph;
    this.#simplified = foldBatchNormalization(foldConstants(mergeCommon(inOwnOps(graph))));
    this.#runner = runner;
    this.#onProfile = onProfile;
    runner.join();
  }

  async run(feeds: ReadonlyMap<string, Tensor>, spent?: ReadonlyMap<string, Tensor>): Promise<Map<string, Tensor>> {
    const graph = this.#graph;
    this.#checkAlive();
    const symbols = new Map<string, number>();
    const inputs = graph.inputs.map((id) => checkedFeed(graph, id, feeds, symbols));
    return this.#runner.inTurn(async () => {
      this.#checkAlive();
      const { plan, handle } = this.#program(inputs);
      for (const { name, value } of graph.outputs) {
        const { dtype, shape } = plan.results[plan.resultOf.get(name)!];
        checkOutput(name, getSpec(graph, value), dtype, shape, symbols);
      }
      const results = resultTensors(plan, inputs, spent);
      try {
        await this.#runner.addon.run(
          handle,
          inputs.map(({ data }) => data),
          results.map(({ data }) => data),
        );
      } catch (cause) {
        const detail = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`running graph ${graph.name} failed: ${detail}`, { cause });
      }
      return new Map(graph.outputs.map(({ name }) => [name, results[plan.resultOf.get(name)!]]));
    });
  }

  memoryBytes(shapes: Readonly<Record<string, readonly number[]>>): number {
    const plan = planGraph(bindShapes(this.#simplified, shapes), this.#runner.kernels);
    return plan.arenaBytes + plan.constantBytes + plan.packedBytes;
  }

  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    await this.#runner.inTurn(async () => {
      for (const [extents, { plan, handle }] of this.#programs) {
        const title = `${this.#graph.name} ${extents.split(' ')[0]}`;
        this.#onProfile?.(profileLines(title, plan, this.#runner.addon.milliseconds(handle)));
        this.#runner.addon.release(handle);
      }
      this.#programs.clear();
      this.#runner.leave();
    });
  }

  #checkAlive(): void {
    if (this.#released) throw new Error(`graph ${this.#graph.name} has been released`);
  }

  #program(inputs: readonly Tensor[]): Program {
    const key = inputs.map(({ shape }) => `[${shape}]`).join(' ');
    const known = this.#programs.get(key);
    if (known) return known;
    const { addon, handle, kernels } = this.#runner;
    const shapes = Object.fromEntries(inputs.map(({ shape }, i) => [this.#graph.inputs[i], shape]));
    const plan = planGraph(bindShapes(this.#simplified, shapes), kernels);
    const program = { plan, handle: createProgram(addon, handle, plan, this.#onProfile !== undefined) };
    this.#programs.set(key, program);
    return program;
  }
}

/** Memory that may not be written over. */
class HeldMemory {
  readonly #byBuffer = new Map<ArrayBufferLike, Tensor['data'][]>();

  add(data: Tensor['data']): void {
    const known = this.#byBuffer.get(data.buffer);
    if (known) known.push(data);
    else this.#byBuffer.set(data.buffer, [data]);
  }

  overlaps(data: Tensor['data']): boolean {
    const known = this.#byBuffer.get(data.buffer);
    return known?.some((own) => !isApart(own, data)) ?? false;
  }
}

/** Of two views of one buffer. */
function isApart(a: Tensor['data'], b: Tensor['data']): boolean {
  return a.byteOffset >= b.byteOffset + b.byteLength || b.byteOffset >= a.byteOffset + a.byteLength;
}

/** Where results go: into spent tensors of their type and shape, each once and none that is fed, or into fresh ones. */
function resultTensors(plan: Plan, inputs: readonly Tensor[], spent?: ReadonlyMap<string, Tensor>): Tensor[] {
  const taken = new HeldMemory();
  for (const { data } of inputs) taken.add(data);
  const reused = new Map<number, Tensor>();
  for (const [name, tensor] of spent ?? []) {
    const at = plan.resultOf.get(name);
    if (at === undefined || reused.has(at) || taken.overlaps(tensor.data)) continue;
    const { dtype, shape } = plan.results[at];
    if (tensor.dtype !== dtype || `${tensor.shape}` !== `${shape}`) continue;
    taken.add(tensor.data);
    reused.set(at, tensor);
  }
  return plan.results.map(({ dtype, shape }, at): Tensor => {
    return { dtype, shape, data: reused.get(at)?.data ?? allocate(dtype, elementCount(shape)) };
  });
}
