import { type Graph, getSpec } from '../../graph/graph.js';
import { findOp } from '../../graph/ops/index.js';
import { MutableChannelContainer } from '../mutables/index.js';
import { DynamicOp } from './dynamic-op.js';

/**
 * A model whose dynamic ops are there before any mutator looks at it: the mutables are registered by hand on the
 * containers of its ops. `parse_cfg: { type: 'Predefined' }` makes its units from them. What nothing is registered on
 * stays whole.
 * @example
 * const model = new DynamicModel(graph);
 * const width = new SequentialMutableChannel(8);
 * model.getOp('conv0').outChannels.register(0, width);
 * model.getOp('conv1').inChannels.register(0, width);
 */
export class DynamicModel {
  readonly graph: Graph;
  readonly dynamicOps: readonly DynamicOp[];

  constructor(graph: Graph) {
    this.graph = graph;
    this.dynamicOps = emptyDynamicOps(graph);
  }

  /** The dynamic op of a layer. @throws Error naming the layers that have one. */
  getOp(layer: string): DynamicOp {
    const op = this.dynamicOps.find(({ name }) => name === layer);
    if (op) return op;
    throw new Error(`no dynamic op ${layer}; there are ${this.dynamicOps.map(({ name }) => name).join(', ')}`);
  }
}

/**
 * A dynamic op for each node with weights, with nothing registered. Nodes that share their weights share their
 * containers, as a layer that is used twice has one width; a layer that passes its channels on has one container.
 */
function emptyDynamicOps(graph: Graph): DynamicOp[] {
  const containers = new Map<string, MutableChannelContainer>();
  return graph.nodes.flatMap((node) => {
    const inputs = node.inputs.map((id) => graph.values.get(id));
    const axes = findOp(node.op)?.parametric?.(node, inputs);
    if (!axes) return [];
    const widths = {
      input: Number(getSpec(graph, node.inputs[0]).shape[axes.input]),
      output: Number(getSpec(graph, node.outputs[0]).shape[axes.output]),
    };
    const oneSided = axes.passThrough && widths.input === widths.output;
    const containerOf = (side: 'input' | 'output'): MutableChannelContainer => {
      const key = [oneSided ? 'both' : side, node.op, widths[side], ...node.inputs.slice(1)].join('\n');
      const container = containers.get(key) ?? new MutableChannelContainer(widths[side]);
      containers.set(key, container);
      return container;
    };
    return [new DynamicOp(graph, node, axes, containerOf('input'), containerOf('output'))];
  });
}
