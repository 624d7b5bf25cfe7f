import { dimProduct } from '../dims.js';
import { type Constant, type Graph, getSpec, type Node } from '../graph.js';
import { findOp } from '../ops/index.js';
import { fromRef, toRef } from '../tensor.js';

/** The reference that folds is made of plain loops: what is larger is left to an engine. */
const MOST_ELEMENTS = 1 << 16;

/**
 * Computes once, in float64, what depends on constants alone: a frozen norm's factors, shapes and masks made of
 * literals. Results are literals, rounded to their own dtype once; constants that nothing reads any more stay.
 */
export function foldConstants(graph: Graph): Graph {
  const constants = new Map<string, Constant>(graph.constants);
  const nodes: Node[] = [];
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((id) => (id === '' ? undefined : constants.get(id)));
    const spec = findOp(node.op);
    const known = node.inputs.every((id, i) => id === '' || inputs[i] !== undefined);
    if (!spec || !known || !node.outputs.every((id) => isSmall(graph, id)) || !inputs.every((c) => isSmallTensor(c))) {
      nodes.push(node);
      continue;
    }
    const results = spec.evaluate(
      node,
      inputs.map((constant) => constant && toRef(constant.tensor)),
    );
    results.forEach((result, i) => {
      constants.set(node.outputs[i], { tensor: fromRef(result), role: 'literal' });
    });
  }
  return nodes.length === graph.nodes.length ? graph : { ...graph, nodes, constants };
}

function isSmall(graph: Graph, id: string): boolean {
  const { coefficient, symbols } = dimProduct(getSpec(graph, id).shape);
  return symbols.length === 0 && coefficient <= MOST_ELEMENTS;
}

const isSmallTensor = (constant: Constant | undefined): boolean =>
  constant === undefined || constant.tensor.data.length <= MOST_ELEMENTS;
