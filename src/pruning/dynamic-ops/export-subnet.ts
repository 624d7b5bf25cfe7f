import { formatShape } from '../../graph/dims.js';
import type { Constant, Graph, Node, TensorSpec } from '../../graph/graph.js';
import { inferNode } from '../../graph/infer.js';
import type { Tensor } from '../../graph/tensor.js';
import { verify } from '../../graph/verify.js';
import type { ChannelSelection } from './channel-selection.js';
import { slicedAttrs, slicedShape } from './slice-node.js';
import { gatherAxes, type KeptAxes, scatterAxes } from './tensor-slices.js';

/** The pruned network: the graph without the channels that went, and the way between its tensors and the full ones. */
export interface Subnet {
  /** Constant ids, value ids and node names are those of the full graph. */
  readonly graph: Graph;
  /** The indices of a constant's axis that stay, ascending; undefined when all of them do. */
  keptIndices(constantId: string, axis: number): Int32Array | undefined;
  /** Slices full tensors, keyed by the constant that each belongs to: weights, optimizer slots, statistics. */
  sliceTensors(full: ReadonlyMap<string, Tensor>): Map<string, Tensor>;
  /** Copies of the full tensors with the slices written into their places; tensors without a slice stay as they are. */
  writeBack(full: ReadonlyMap<string, Tensor>, sliced: ReadonlyMap<string, Tensor>): Map<string, Tensor>;
}

/**
 * Takes the kept channels out of the full graph: every constant is gathered on every axis, attributes follow the ops'
 * `slice` rules, shapes are inferred anew and must come out as the kept channels say.
 * @param constants current data of constants of the full graph, where they differ from the graph's own.
 * @throws Error naming the node whose shape comes out otherwise, which is a fault of an op's channel rule.
 */
export function exportSubnet(selection: ChannelSelection, constants?: ReadonlyMap<string, Tensor>): Subnet {
  const { graph } = selection.analysis;
  const kept = (value: string, axis: number) => selection.kept(value, axis);
  const keptAxes = new Map<string, KeptAxes>();
  const sliced = new Map<string, Constant>();
  const values = new Map<string, TensorSpec>();
  for (const id of graph.inputs) values.set(id, graph.values.get(id)!);
  for (const [id, constant] of graph.constants) {
    const full = constants?.get(id) ?? constant.tensor;
    const axes = selection.keptAxes(id);
    const tensor = gatherAxes(full, axes);
    keptAxes.set(id, axes);
    sliced.set(id, { ...constant, tensor });
    values.set(id, { dtype: tensor.dtype, shape: tensor.shape });
  }
  const nodes = graph.nodes.map((node): Node => {
    const narrow = { ...node, attrs: slicedAttrs(graph, node, kept) };
    const specs = inferNode(narrow, { values, constants: sliced });
    node.outputs.forEach((id, i) => {
      const expected = formatShape(slicedShape(graph, id, kept));
      const found = formatShape(specs[i].shape);
      if (found !== expected) {
        throw new Error(`${node.op} ${node.layer ?? node.name}: pruned to ${found}, its channels say ${expected}`);
      }
      values.set(id, specs[i]);
    });
    return narrow;
  });
  const subnet: Graph = { ...graph, nodes, values, constants: sliced };
  verify(subnet);
  const axesOf = (id: string): KeptAxes => {
    const axes = keptAxes.get(id);
    if (!axes) throw new Error(`graph ${graph.name} has no constant ${id}`);
    return axes;
  };
  return {
    graph: subnet,
    keptIndices: (id, axis) => axesOf(id)[axis],
    sliceTensors: (full) => new Map([...full].map(([id, tensor]) => [id, gatherAxes(tensor, axesOf(id))])),
    writeBack: (full, parts) =>
      new Map(
        [...full].map(([id, tensor]) => {
          const part = parts.get(id);
          return [id, part ? scatterAxes(tensor, axesOf(id), part) : tensor];
        }),
      ),
  };
}
