import { dimProduct, matchExtents } from '../graph/dims.js';
import { type Graph, getSpec, type TensorSpec } from '../graph/graph.js';
import { elementCount, type Tensor } from '../graph/tensor.js';

/**
 * What a graph's input is fed with, held against its spec.
 * @param symbols extents of symbolic dimensions; the first use of one fixes it here.
 * @throws Error naming the input that is missing, or whose dtype, shape or number of elements doesn't fit.
 */
export function checkedFeed(
  graph: Graph,
  id: string,
  feeds: ReadonlyMap<string, Tensor>,
  symbols: Map<string, number>,
): Tensor {
  const spec = getSpec(graph, id);
  const feed = feeds.get(id);
  const expected = `${spec.dtype} [${spec.shape}]`;
  if (!feed) throw new Error(`input ${id} is missing: graph ${graph.name} expects ${expected}`);
  const found = `${feed.dtype} [${feed.shape}]`;
  if (feed.dtype !== spec.dtype || !matchExtents(spec.shape, feed.shape, symbols)) {
    const bound = [...symbols].map(([symbol, extent]) => `, ${symbol} is ${extent}`).join('');
    throw new Error(`input ${id} is ${found}, graph ${graph.name} expects ${expected}${bound}`);
  }
  const count = elementCount(feed.shape);
  if (feed.data.length !== count) {
    throw new Error(`input ${id} of shape [${feed.shape}] needs ${count} elements, has ${feed.data.length}`);
  }
  return feed;
}

/** A result that isn't what the graph says is a fault of a lowering. @throws Error naming the output. */
export function checkOutput(
  name: string,
  spec: TensorSpec,
  dtype: string,
  dims: readonly number[],
  symbols: ReadonlyMap<string, number>,
): void {
  const fits = spec.shape.every((dim, i) => {
    const { coefficient, symbols: factors } = dimProduct([dim]);
    const extents = factors.map((symbol) => symbols.get(symbol));
    if (extents.includes(undefined)) return true;
    return dims[i] === extents.reduce<number>((product, extent) => product * extent!, coefficient);
  });
  if (dtype !== spec.dtype || dims.length !== spec.shape.length || !fits) {
    throw new Error(`output ${name} came out as ${dtype} [${dims}], expected ${spec.dtype} [${spec.shape}]`);
  }
}
