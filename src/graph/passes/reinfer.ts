import { formatShape, isBound } from '../dims.js';
import { type Constant, type Graph, getSpec, type Node, type Shape, type TensorSpec } from '../graph.js';
import { inferNode } from '../infer.js';

export interface Overrides {
  /** All nodes, in topological order; default the graph's own. */
  readonly nodes?: readonly Node[];
  /** All constants; default the graph's own. */
  readonly constants?: ReadonlyMap<string, Constant>;
  /** Shapes of some inputs. */
  readonly inputs?: ReadonlyMap<string, Shape>;
}

/**
 * The graph with other nodes, constants or input shapes, and every value's spec computed anew: how slicing ends.
 * @throws OpError naming the first node that no longer fits.
 */
export function reinfer(graph: Graph, overrides: Overrides = {}): Graph {
  const nodes = overrides.nodes ?? graph.nodes;
  const constants = overrides.constants ?? graph.constants;
  const values = new Map<string, TensorSpec>();
  for (const id of graph.inputs) {
    const spec = getSpec(graph, id);
    values.set(id, { dtype: spec.dtype, shape: overrides.inputs?.get(id) ?? spec.shape });
  }
  for (const [id, { tensor }] of constants) values.set(id, { dtype: tensor.dtype, shape: tensor.shape });
  for (const node of nodes) {
    const specs = inferNode(node, { values, constants });
    node.outputs.forEach((id, i) => {
      values.set(id, specs[i]);
    });
  }
  return { ...graph, nodes, constants, values };
}

/**
 * The graph for inputs of these extents (a batch of one, another image size).
 * @param shapes of every input that has a symbolic dimension
 * @throws Error for an unknown input, other axes, or a value that stays open; OpError naming the node that doesn't fit.
 * @example bindShapes(graph, { x: [1, 3, 224, 224] })
 */
export function bindShapes(graph: Graph, shapes: Readonly<Record<string, Shape<number>>>): Graph<number> {
  for (const [id, shape] of Object.entries(shapes)) {
    if (!graph.inputs.includes(id)) throw new Error(`graph ${graph.name} has no input ${id}`);
    const own = getSpec(graph, id).shape;
    if (own.length !== shape.length) {
      throw new Error(`input ${id} has shape ${formatShape(own)}, ${formatShape(shape)} has other axes`);
    }
  }
  const bound = reinfer(graph, { inputs: new Map(Object.entries(shapes)) });
  requireBound(bound);
  return bound;
}

/** @throws Error naming the first value whose shape has a symbolic dimension */
function requireBound(graph: Graph): asserts graph is Graph<number> {
  for (const [id, { shape }] of graph.values) {
    if (!isBound(shape)) {
      throw new Error(`value ${id} of graph ${graph.name} has shape ${formatShape(shape)}, its extents must be known`);
    }
  }
}
