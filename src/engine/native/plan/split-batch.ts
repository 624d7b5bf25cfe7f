import { consumers, type Graph, type Node, type TensorSpec } from '../../../graph/graph.js';
import { findOp } from '../../../graph/ops/index.js';
import { rowInputs } from './batch-rows.js';
import { type Budget, bytesOf, findStretches, liveBytes, type RowRun, takeRun } from './batch-segments.js';

/**
 * Measured on a machine with 32 MiB of last cache that others share: values from 6 MiB on are often gone from it when the
 * next layer reads them; parts of less than 10 MiB, or more than 8 parts, gain nothing more. Every instruction is a barrier, dear
 * where other processes want the cores.
 */
export const DEPTH_FIRST: Budget = { large: 6 * 2 ** 20, part: 10 * 2 ** 20, mostParts: 8 };

/**
 * Runs the part of a forward pass whose activations are larger than a cache for a few rows of the batch at a time: each
 * layer finds what the one before it made still in the cache, and the arena has room for those rows alone. What other
 * nodes read is joined again.
 */
export function splitBatch(graph: Graph<number>, budget: Budget): Graph<number> {
  if (graph.nodes.some(({ op }) => findOp(op)?.training)) return graph;
  const splitter = new Splitter(graph, budget);
  const nodes = splitter.split(graph.nodes);
  return splitter.values.size > 0 ? { ...graph, nodes, values: new Map([...graph.values, ...splitter.values]) } : graph;
}

class Splitter {
  /** Those of parts. */
  readonly values = new Map<string, TensorSpec<number>>();
  readonly #graph: Graph<number>;
  readonly #budget: Budget;

  constructor(graph: Graph<number>, budget: Budget) {
    this.#graph = graph;
    this.#budget = budget;
  }

  split(nodes: readonly Node[]): readonly Node[] {
    const graph = this.#graph;
    const isLarge = (node: Node): boolean => node.outputs.some((id) => bytesOf(graph, id) >= this.#budget.large);
    const large = nodes.find((node) => isLarge(node) && rowInputs(graph, node));
    if (!large) return nodes;
    const { before, run, after } = takeRun(graph, nodes, graph.values.get(large.outputs[0])!.shape[0]);
    return [...before, ...this.#splitRun(run), ...this.split(after)];
  }

  #splitRun(run: RowRun): Node[] {
    const nodes: Node[] = [];
    let at = 0;
    for (const { from, to } of findStretches(this.#graph, run, this.#budget)) {
      const live = liveBytes(this.#graph, run, { from, to });
      const rows = Math.max(1, Math.floor((this.#budget.part * run.rows) / live));
      const parts = Math.min(Math.ceil(run.rows / rows), this.#budget.mostParts);
      nodes.push(...run.nodes.slice(at, from));
      nodes.push(...(parts > 1 ? this.#repeat(run, run.nodes.slice(from, to), parts) : run.nodes.slice(from, to)));
      at = to;
    }
    return [...nodes, ...run.nodes.slice(at)];
  }

  /** The nodes once for each part of the rows, and what joins their results. */
  #repeat(run: RowRun, nodes: readonly Node[], parts: number): Node[] {
    const graph = this.#graph;
    const members = new Set(nodes);
    const readers = consumers(graph);
    const outputs = new Set(graph.outputs.map(({ value }) => value));
    const leaving = nodes
      .flatMap((node) => node.outputs)
      .filter((id) => outputs.has(id) || readers.get(id)?.some((node) => !members.has(node)));
    const bounds = Array.from({ length: parts + 1 }, (_, i) => Math.ceil((i * run.rows) / parts));
    const pieces = bounds.slice(1).map((end, i) => this.#part(run, nodes, bounds[i], end));
    const joins = leaving.map((id): Node => {
      const inputs = pieces.map(({ ids }) => ids.get(id)!);
      return { name: `${id}/join`, op: 'Concat', attrs: { axis: 0 }, inputs, outputs: [id] };
    });
    return [...pieces.flatMap((piece) => piece.nodes), ...joins];
  }

  /** The nodes for rows from `start` to before `end`. */
  #part(run: RowRun, nodes: readonly Node[], start: number, end: number): { nodes: Node[]; ids: Map<string, string> } {
    const made: Node[] = [];
    const ids = new Map<string, string>();
    const rowsOf = (id: string): string => {
      const known = ids.get(id);
      if (known !== undefined) return known;
      const own = this.#value(id, start, end);
      const attrs = { axes: [0], starts: [start], ends: [end] };
      made.push({ name: own, op: 'Slice', attrs, inputs: [id], outputs: [own] });
      ids.set(id, own);
      return own;
    };
    for (const node of nodes) {
      const byRows = run.byRows.get(node)!;
      const inputs = node.inputs.map((id, i) => (byRows[i] ? rowsOf(id) : id));
      const outputs = node.outputs.map((id) => this.#value(id, start, end));
      node.outputs.forEach((id, i) => {
        ids.set(id, outputs[i]);
      });
      made.push({ ...node, name: `${node.name} ${start}:${end}`, inputs, outputs });
    }
    return { nodes: made, ids };
  }

  #value(id: string, start: number, end: number): string {
    const { dtype, shape } = this.#graph.values.get(id)!;
    let own = `${id} ${start}:${end}`;
    while (this.#graph.values.has(own) || this.values.has(own)) own += "'";
    this.values.set(own, { dtype, shape: shape.with(0, end - start) });
    return own;
  }
}
