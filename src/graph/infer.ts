import type { Constant, Node, TensorSpec } from './graph.js';
import { OpError } from './op-spec.js';
import { getOp } from './ops/index.js';

/** What is known of a graph's values while its nodes are inferred in order. */
export interface KnownValues {
  readonly values: ReadonlyMap<string, TensorSpec>;
  readonly constants: ReadonlyMap<string, Constant>;
}

/**
 * The specs of a node's outputs, from those of its inputs.
 * @throws OpError naming the node: too few or too many inputs, an input that no value has, another number of outputs, or
 * whatever the op's own inference finds.
 */
export function inferNode(node: Node, known: KnownValues): TensorSpec[] {
  const op = getOp(node.op);
  const [least, most] = op.inputs;
  if (node.inputs.length < least || node.inputs.length > most) {
    throw new OpError(
      node,
      `takes ${least === most ? least : `${least} to ${most}`} inputs, got ${node.inputs.length}`,
    );
  }
  const inputs = node.inputs.map((id) => {
    if (id === '') return undefined;
    const spec = known.values.get(id);
    if (!spec) throw new OpError(node, `input ${id} is no value of the graph`);
    return spec;
  });
  const specs = op.infer({ node, inputs, constant: (i) => known.constants.get(node.inputs[i] ?? '')?.tensor });
  if (specs.length !== node.outputs.length) {
    throw new OpError(node, `has ${specs.length} outputs, ${node.outputs.length} are named`);
  }
  return specs;
}
