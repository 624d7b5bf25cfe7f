import { consumers, type Graph, type Node } from '../../../graph/graph.js';
import { findOp } from '../../../graph/ops/index.js';
import { elementCount } from '../../../graph/tensor.js';
import { rowInputs } from './batch-rows.js';
import { ELEMENTWISE } from './elementwise.js';
import { dtypeBytes } from './instruction.js';

/** Nodes that all work row by row on a batch of as many rows; what lies between two of them in a graph is there too. */
export interface RowRun {
  readonly rows: number;
  readonly nodes: readonly Node[];
  /** By node: which of its inputs it reads by rows. */
  readonly byRows: ReadonlyMap<Node, readonly boolean[]>;
}

/** How a run is cut; see plan/split-batch.ts. */
export interface Budget {
  /** Bytes of the least value of a whole batch that is worth keeping in the cache. */
  readonly large: number;
  /** Bytes that the activations of one part may take at once. */
  readonly part: number;
  readonly mostParts: number;
}

export function bytesOf(graph: Graph<number>, id: string): number {
  const { dtype, shape } = graph.values.get(id)!;
  return elementCount(shape) * dtypeBytes(dtype);
}

/**
 * Takes a run out of a list of nodes: those that it needs, the run, and the rest, which may need it.
 * @param rows of the batch
 */
export function takeRun(
  graph: Graph<number>,
  nodes: readonly Node[],
  rows: number,
): { before: Node[]; run: RowRun; after: Node[] } {
  const byRows = new Map<Node, readonly boolean[]>();
  const [before, after]: [Node[], Node[]] = [[], []];
  const [made, later] = [new Set<string>(), new Set<string>()];
  for (const node of nodes) {
    const own = graph.values.get(node.outputs[0])!.shape[0] === rows ? rowInputs(graph, node) : undefined;
    const isLater = node.inputs.some((id, i) => later.has(id) || (made.has(id) && !own?.[i]));
    if (isLater) after.push(node);
    else if (own) byRows.set(node, own);
    else before.push(node);
    if (isLater || own) for (const id of node.outputs) (isLater ? later : made).add(id);
  }
  return { before, run: { rows, nodes: [...byRows.keys()], byRows }, after };
}

/** A stretch of a run's nodes: from one place up to before another. */
interface Stretch {
  from: number;
  to: number;
}

/**
 * The stretches of a run that gain from being computed for some rows at a time: those between the makers and the readers of
 * values that are too large for the cache as a whole. Where that would read more weights again than it saves, it isn't one.
 */
export function findStretches(graph: Graph<number>, run: RowRun, budget: Budget): Stretch[] {
  const sketch = new RunSketch(graph, run);
  const stretches: Stretch[] = [];
  const worth = (saved: number, from: number, to: number): boolean =>
    2 * saved > budget.mostParts * sketch.weights(from, to);
  for (const { from, to, bytes } of sketch.links()) {
    if (bytes < budget.large || !worth(bytes, from, to)) continue;
    const last = stretches.at(-1);
    const joins = last && (from < last.to || worth(sketch.crossing(last.to), last.to, from));
    if (joins) last.to = Math.max(last.to, to);
    else stretches.push({ from, to });
  }
  return stretches.filter((stretch) => sketch.saved(stretch, budget.large) > sketch.leaving(stretch));
}

/** Bytes of activations that a stretch holds at once, of the whole batch. */
export function liveBytes(graph: Graph<number>, run: RowRun, { from, to }: Stretch): number {
  const nodes = run.nodes.slice(from, to);
  const last = new Map<string, number>();
  const rowsOf = (node: Node): string[] => node.inputs.filter((_, i) => run.byRows.get(node)![i]);
  nodes.forEach((node, at) => {
    for (const id of [...rowsOf(node), ...node.outputs]) last.set(id, at);
  });
  const live = new Set<string>();
  let most = 0;
  nodes.forEach((node, at) => {
    for (const id of [...rowsOf(node), ...node.outputs]) live.add(id);
    most = Math.max(
      most,
      [...live].reduce((sum, id) => sum + bytesOf(graph, id), 0),
    );
    for (const id of live) if (last.get(id)! <= at) live.delete(id);
  });
  return most;
}

/** What flows within a run. */
class RunSketch {
  readonly #graph: Graph<number>;
  readonly #readers: ReadonlyMap<string, readonly Node[]>;
  readonly #run: RowRun;
  /** By value: the place of the node that makes it. */
  readonly #maker = new Map<string, number>();
  /** By value: the place after the last node of the run that reads it. */
  readonly #end = new Map<string, number>();
  /** Values that are read outside of the run too. */
  readonly #shared: ReadonlySet<string>;
  /** By place: bytes of weights of the nodes before. */
  readonly #weights = [0];

  constructor(graph: Graph<number>, run: RowRun) {
    this.#graph = graph;
    this.#readers = consumers(graph);
    this.#run = run;
    run.nodes.forEach((node, at) => {
      for (const id of node.outputs) this.#maker.set(id, at);
      for (const id of node.inputs) this.#end.set(id, at + 1);
      const whole = node.inputs.filter((id, i) => id !== '' && !run.byRows.get(node)![i]);
      this.#weights.push(this.#weights[at] + whole.reduce((sum, id) => sum + bytesOf(graph, id), 0));
    });
    const made = [...this.#maker.keys()];
    const outputs = new Set(graph.outputs.map(({ value }) => value));
    this.#shared = new Set(
      made.filter((id) => outputs.has(id) || this.#readers.get(id)?.some((node) => !run.byRows.has(node))),
    );
  }

  /** What passes through memory from one node to others and nowhere else: from its maker to its last reader. */
  links(): (Stretch & { bytes: number })[] {
    return [...this.#maker].flatMap(([id, from]) => {
      const to = this.#end.get(id);
      if (to === undefined || this.#shared.has(id) || !this.#isStored(id, from)) return [];
      return [{ from, to, bytes: bytesOf(this.#graph, id) }];
    });
  }

  /** Views and what lies within an elementwise step aren't. */
  #isStored(id: string, maker: number): boolean {
    const { op } = this.#run.nodes[maker];
    const isElementwise = (node: Node): boolean => Object.hasOwn(ELEMENTWISE, node.op);
    const isView = findOp(op)?.view !== undefined;
    return !isView && !(Object.hasOwn(ELEMENTWISE, op) && this.#readers.get(id)!.every(isElementwise));
  }

  weights(from: number, to: number): number {
    return this.#weights[to] - this.#weights[from];
  }

  /** Bytes that nodes before a place make for some from there on. */
  crossing(place: number): number {
    return this.#sum((id, maker) => maker < place && (this.#end.get(id) ?? 0) > place);
  }

  /** Bytes of the large values that stay within a stretch. */
  saved({ from, to }: Stretch, large: number): number {
    return this.links().reduce((sum, l) => sum + (l.bytes >= large && l.from >= from && l.to <= to ? l.bytes : 0), 0);
  }

  /** Bytes that a stretch makes for others. */
  leaving({ from, to }: Stretch): number {
    return this.#sum(
      (id, maker) => maker >= from && maker < to && (this.#shared.has(id) || (this.#end.get(id) ?? 0) > to),
    );
  }

  #sum(counts: (id: string, maker: number) => boolean): number {
    let sum = 0;
    for (const [id, maker] of this.#maker) if (counts(id, maker)) sum += bytesOf(this.#graph, id);
    return sum;
  }
}
