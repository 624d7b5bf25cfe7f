import { formatShape, matchExtents } from './dims.js';
import { type Graph, getSpec } from './graph.js';
import { getOp } from './ops/index.js';
import { elementCount, type RefTensor, toRef } from './tensor.js';

/**
 * Runs a graph on the float64 reference. For checks and goldens, never for jobs.
 * @param feeds every graph input by id; symbolic dimensions take the extents they have here, one for each name.
 * @returns every graph output by name.
 * @throws Error naming an input that is missing, unknown, or whose shape or dtype doesn't fit.
 * @example evaluateGraph(graph, new Map([['x', toRef(batch)]])).get('y')
 */
export function evaluateGraph(graph: Graph, feeds: ReadonlyMap<string, RefTensor>): Map<string, RefTensor> {
  checkFeeds(graph, feeds);
  const values = new Map(feeds);
  const lastReader = lastReaders(graph);
  const read = (id: string): RefTensor | undefined => {
    if (id === '') return undefined;
    const constant = graph.constants.get(id);
    return constant ? toRef(constant.tensor) : values.get(id);
  };
  graph.nodes.forEach((node, position) => {
    const results = getOp(node.op).evaluate(node, node.inputs.map(read));
    results.forEach((result, i) => {
      if (lastReader.has(node.outputs[i])) values.set(node.outputs[i], result);
    });
    for (const id of node.inputs) if (lastReader.get(id) === position) values.delete(id);
  });
  return new Map(graph.outputs.map(({ name, value }) => [name, read(value)!]));
}

/** Position of the last node that reads each value; outputs of the graph are read after all of them. */
function lastReaders(graph: Graph): Map<string, number> {
  const last = new Map<string, number>();
  graph.nodes.forEach((node, position) => {
    for (const id of node.inputs) last.set(id, position);
  });
  for (const { value } of graph.outputs) last.set(value, graph.nodes.length);
  return last;
}

function checkFeeds(graph: Graph, feeds: ReadonlyMap<string, RefTensor>): void {
  for (const id of feeds.keys()) {
    if (!graph.inputs.includes(id)) throw new Error(`graph ${graph.name} has no input ${id}`);
  }
  const symbols = new Map<string, number>();
  for (const id of graph.inputs) {
    const spec = getSpec(graph, id);
    const feed = feeds.get(id);
    if (!feed) throw new Error(`input ${id} is missing`);
    if (feed.dtype !== spec.dtype) throw new Error(`input ${id} must be ${spec.dtype}, got ${feed.dtype}`);
    if (!matchExtents(spec.shape, feed.shape, symbols))
      throw new Error(`input ${id} must have shape ${formatShape(spec.shape)}, got ${formatShape(feed.shape)}`);
    if (feed.data.length !== elementCount(feed.shape)) {
      throw new Error(`input ${id} of shape ${formatShape(feed.shape)} holds ${feed.data.length} elements`);
    }
  }
}
