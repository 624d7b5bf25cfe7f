import type { Attrs, Constant, Graph, Node, TensorSpec } from '../graph.js';
import { inferNode } from '../infer.js';
import type { Composer } from '../op-spec.js';
import { scalar } from '../tensor.js';

type Part = Pick<Graph, 'nodes' | 'values' | 'constants'>;

/** Writes what a node gives in other nodes; returns the value, which the last of them makes. */
export type Spelling = (node: Node, composer: Composer) => string;

/**
 * Writes nodes in others, and these again, until none is left that `spellingOf` has one for. Values of the graph keep their ids; what is new
 * stands in the layer of the node that it spells.
 */
export function respell<G extends Part>(graph: G, spellingOf: (node: Node) => Spelling | undefined): G {
  if (!graph.nodes.some(spellingOf)) return graph;
  const nodes: Node[] = [];
  const values = new Map<string, TensorSpec>(graph.values);
  const constants = new Map<string, Constant>(graph.constants);
  const names = new Set([...graph.nodes.map(({ name }) => name), ...values.keys()]);

  const fresh = (base: string): string => {
    let name = base;
    for (let i = 2; names.has(name); i++) name = `${base}_${i}`;
    names.add(name);
    return name;
  };
  const add = (node: Node): void => {
    const spelling = spellingOf(node);
    if (spelling) spell(node, spelling);
    else nodes.push(node);
  };
  const spell = (node: Node, spelling: Spelling): void => {
    const from = nodes.length;
    const layer = node.layer ?? node.name;
    const composer: Composer = {
      op(op, inputs, attrs: Attrs = {}) {
        const name = fresh(`${node.name}/${op}`);
        const made: Node = { name, op, attrs, inputs, outputs: [fresh(`${name}:0`)], layer };
        const [spec] = inferNode(made, { values, constants });
        values.set(made.outputs[0], spec);
        add(made);
        return made.outputs[0];
      },
      scalar(value, like) {
        const { dtype } = values.get(like)!;
        const id = `${node.name}/${dtype}(${value})`;
        if (!constants.has(id)) {
          names.add(id);
          constants.set(id, { tensor: scalar(dtype, value), role: 'literal' });
          values.set(id, { dtype, shape: [] });
        }
        return id;
      },
      shape: (value) => values.get(value)!.shape,
    };
    const result = spelling(node, composer);
    if (nodes.length === from || nodes.at(-1)!.outputs[0] !== result)
      throw new Error(`what spells ${node.op} must end in a node of its own`);
    values.delete(result);
    nodes.push({ ...nodes.pop()!, name: node.name, outputs: node.outputs });
  };
  for (const node of graph.nodes) add(node);
  return { ...graph, nodes, values, constants };
}
