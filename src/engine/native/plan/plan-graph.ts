import type { Graph, Node, TensorSpec } from '../../../graph/graph.js';
import { type DType, elementCount } from '../../../graph/tensor.js';
import { GraphRefused } from '../../refusal.js';
import { LOWERINGS } from '../lowerings/index.js';
import { planArena } from './arena.js';
import type { Budget } from './batch-segments.js';
import { fuse } from './fusions/index.js';
import { dtypeBytes, type Instruction } from './instruction.js';
import { emitMap } from './map.js';
import { type Kernels, Planner } from './planner.js';
import { DEPTH_FIRST, splitBatch } from './split-batch.js';
import { cutIntoSteps } from './steps.js';
import { type Buffer, isDense, plainOrder } from './view.js';

/** Everything that a program needs but the numbers of operations. */
export interface Plan {
  readonly instructions: readonly Instruction[];
  /** By buffer of the arena: bytes from its start. */
  readonly offsets: ReadonlyMap<Buffer, number>;
  readonly arenaBytes: number;
  readonly constants: () => Uint8Array;
  readonly constantBytes: number;
  readonly packedBytes: number;
  /** What a program does once, when it is made: it packs weights from the sources. */
  readonly setup: { readonly instructions: readonly Instruction[]; readonly sources: () => Uint8Array };
  readonly inputBytes: readonly number[];
  /** What a run fills, in order. */
  readonly results: readonly { readonly dtype: DType; readonly shape: readonly number[]; readonly bytes: number }[];
  /** Which of them each of the graph's outputs is. */
  readonly resultOf: ReadonlyMap<string, number>;
}

/**
 * Plans a graph: fuses, splits large batches, cuts it into steps, writes their instructions, lays out the
 * memory.
 * @throws GraphRefused naming the node that the kernels can't hold
 */
export function planGraph(graph: Graph<number>, kernels: Kernels, budget: Budget = DEPTH_FIRST): Plan {
  const prepared = splitBatch(fuse(graph), budget);
  const planner = new Planner(prepared, kernels);
  for (const step of cutIntoSteps(prepared)) {
    const nodes = step.kind === 'map' ? step.nodes : [step.node];
    planner.enter(nodes.map(({ name }) => name).join(' + '));
    try {
      if (step.kind === 'map') emitMap(planner, step);
      else LOWERINGS[step.node.op](planner, step.node);
    } catch (cause) {
      throw cause instanceof GraphRefused ? new GraphRefused(`${labels(nodes)}: ${cause.message}`, { cause }) : cause;
    }
  }
  const { results, resultOf } = deliver(planner);
  const arena = planArena(planner.instructions);
  return {
    instructions: planner.instructions,
    offsets: arena.offsets,
    arenaBytes: arena.bytes,
    constants: () => planner.constants.join(),
    constantBytes: planner.constants.bytes,
    packedBytes: planner.packedBytes,
    setup: { instructions: planner.setup, sources: () => planner.sources.join() },
    inputBytes: graph.inputs.map((id) => sizeOf(planner.spec(id))),
    results,
    resultOf,
  };
}

const labels = (nodes: readonly Node[]): string =>
  nodes.map(({ op, layer, name }) => `${op} ${layer ?? name}`).join(', ');

const sizeOf = ({ dtype, shape }: TensorSpec<number>): number => elementCount(shape) * dtypeBytes(dtype);

/** Outputs are computed where the run wants them, or copied there. */
function deliver(planner: Planner): Pick<Plan, 'results' | 'resultOf'> {
  const results: { dtype: DType; shape: readonly number[]; bytes: number }[] = [];
  const resultOf = new Map<string, number>();
  const resultOfValue = new Map<string, number>();
  planner.enter('outputs');
  for (const { name, value } of planner.graph.outputs) {
    let at = resultOfValue.get(value);
    if (at === undefined) {
      at = results.length;
      const { dtype, shape } = planner.spec(value);
      results.push({ dtype, shape, bytes: sizeOf({ dtype, shape }) });
      resultOfValue.set(value, at);
      const view = planner.view(value);
      const { buffer } = view;
      const isWhole = view.offset === 0 && buffer.bytes === sizeOf({ dtype, shape });
      if (buffer.place === 'arena' && isWhole && isDense(view, plainOrder(shape.length))) {
        buffer.place = 'output';
        buffer.at = at;
      } else {
        const to = planner.allocate(dtype, shape, plainOrder(shape.length));
        to.buffer.place = 'output';
        to.buffer.at = at;
        planner.copy(view, to);
      }
    }
    resultOf.set(name, at);
  }
  return { results, resultOf };
}
