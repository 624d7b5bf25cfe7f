import { GraphBuilder } from '../../graph/builder.js';
import { evaluateGraph } from '../../graph/evaluate.js';
import { type Attrs, type Graph, getSpec, type Node, type TensorSpec } from '../../graph/graph.js';
import { findOp, getOp, groupCount } from '../../graph/ops/index.js';
import { type DType, gatherAxis, joinAxis, type RefTensor, type Tensor } from '../../graph/tensor.js';
import { countOnes, deriveIndexed, MutableChannelContainer } from '../mutables/index.js';
import { axisClasses, type ChannelAnalysis, ChannelAnalyzer } from '../tracer/index.js';
import type { MutableChannelUnit } from '../units/index.js';
import { ChannelSelection } from './channel-selection.js';
import { maskedGraph } from './masked-graph.js';
import { type KeptOf, slicedAttrs } from './slice-node.js';
import { gatherAxes } from './tensor-slices.js';

/** A layer without the channels that its masks drop. */
export interface StaticOp {
  readonly attrs: Attrs;
  /** The layer's weights by constant id, sliced. */
  readonly constants: ReadonlyMap<string, Tensor>;
}

/**
 * A node with weights that runs with any number of its channels: the masks of its input and its output channels are
 * containers of the units' mutables, so it follows whatever choices the units take.
 */
export class DynamicOp {
  readonly node: Node;
  readonly inChannels: MutableChannelContainer;
  readonly outChannels: MutableChannelContainer;
  readonly #graph: Graph;
  readonly #axes: { readonly input: number; readonly output: number };

  constructor(
    graph: Graph,
    node: Node,
    axes: { readonly input: number; readonly output: number },
    inChannels: MutableChannelContainer,
    outChannels: MutableChannelContainer,
  ) {
    this.#graph = graph;
    this.node = node;
    this.#axes = axes;
    this.inChannels = inChannels;
    this.outChannels = outChannels;
  }

  /** The layer's name. */
  get name(): string {
    return this.node.layer ?? this.node.name;
  }

  /** The value on one side of the op. */
  valueOf(side: 'input' | 'output'): string {
    return side === 'input' ? this.node.inputs[0] : this.node.outputs[0];
  }

  /** Where the channels stand on that side. */
  axisOf(side: 'input' | 'output'): number {
    return this.#axes[side];
  }

  /**
   * Runs the full op on the float64 reference, with the dropped channels zeroed at its input and its output, as the masked
   * graph does. A norm that mixes its channels runs over the kept ones.
   */
  forward(inputs: readonly (RefTensor | undefined)[]): RefTensor[] {
    const graphs = new Map<ChannelSelection, Graph>();
    const results = this.#groups(inputs).map(({ selection, partOf }) => {
      const graph = graphs.get(selection) ?? maskedGraph(selection);
      graphs.set(selection, graph);
      const feeds = inputs.flatMap((full, i): [string, RefTensor][] =>
        full ? [[String(i), { ...partOf({ ...full, dtype: 'float64' }, i), dtype: full.dtype }]] : [],
      );
      return evaluateGraph(graph, new Map(feeds)).get('y')!;
    });
    return [joinAxis(results, this.#axes.output)];
  }

  /**
   * Slices the layer's own weights and attributes by its masks, as the subnet has them.
   * @throws RangeError for masks that keep different numbers of channels in the layer's groups: no static op has such groups.
   */
  toStaticOp(weights: ReadonlyMap<string, Tensor>): StaticOp {
    const { groups: attr, filters } = getOp(this.node.op);
    const all = this.#groups(this.node.inputs.map((id) => this.#graph.values.get(id)));
    const kept = all.length > 1 ? evenGroups(`${this.node.op} ${this.name}`, all) : all;
    const constants = new Map<string, Tensor>();
    this.node.inputs.forEach((id, i) => {
      const full = (i === 0) === (filters?.input === 0) ? weights.get(id) : undefined;
      if (!full) return;
      // Where nothing is left, what the first group has left: nothing.
      const groups = kept.length > 0 ? kept : all.slice(0, 1);
      const parts = groups.map(({ selection, partOf }) => gatherAxes(partOf(full, i), selection.keptAxes(String(i))));
      constants.set(id, joinAxis(parts, 0));
    });
    if (attr && all.length > 1) return { attrs: { ...this.node.attrs, [attr]: kept.length }, constants };
    const { selection } = kept[0];
    const { graph } = selection.analysis;
    const keptOf: KeptOf = (value, axis) => selection.kept(value, axis);
    return { attrs: slicedAttrs(graph, graph.nodes[0], keptOf), constants };
  }

  /** The op by itself for each of its groups of channels, on inputs such as these; input i is the value `i`, the output `y`. */
  #groups(inputs: readonly (TensorSpec | undefined)[]): Group[] {
    const { groups: attr } = getOp(this.node.op);
    const count = groupCount(this.node);
    const groupAxis = (i: number): number => (i === 0 ? this.#axes.input : 0);
    const b = new GraphBuilder(this.name);
    const ids = inputs.map((spec, i) => {
      if (!spec) return '';
      const shape = spec.shape.map((dim, axis) => (count > 1 && axis === groupAxis(i) ? Number(dim) / count : dim));
      return b.input(String(i), { dtype: spec.dtype, shape });
    });
    const { attrs } = this.node;
    const y = b.op(this.node.op, ids, attr && count > 1 ? { ...attrs, [attr]: 1 } : attrs);
    b.output('y', y);
    const analysis = new ChannelAnalyzer().analyze(b.build());
    const sides = [
      { classes: axisClasses(analysis, ids[0], this.#axes.input)!, mask: this.inChannels.currentMask },
      { classes: axisClasses(analysis, y, this.#axes.output)!, mask: this.outChannels.currentMask },
    ];
    const selections = new Map<string, ChannelSelection>();
    return Array.from({ length: count }, (_, index) => {
      const own = sides.map(({ classes, mask }) => {
        return { classes, mask: mask.subarray((index * mask.length) / count, ((index + 1) * mask.length) / count) };
      });
      const [input, output] = own.map(({ mask }) => countOnes(mask));
      const masks = own.map(({ mask }) => mask.join('')).join(' ');
      const selection = selections.get(masks) ?? new ChannelSelection(analysis, own);
      selections.set(masks, selection);
      return {
        index,
        kept: { input, output },
        selection,
        partOf(full, i) {
          if (count === 1) return full;
          const size = full.shape[groupAxis(i)] / count;
          return gatherAxis(
            full,
            groupAxis(i),
            Int32Array.from({ length: size }, (_, k) => index * size + k),
          );
        },
      };
    });
  }
}

interface Group {
  readonly index: number;
  /** How many channels stay. */
  readonly kept: { readonly input: number; readonly output: number };
  /** The same one for groups of equal masks. */
  readonly selection: ChannelSelection;
  /** The group's part of input i. */
  partOf<D extends DType>(full: Tensor<D>, i: number): Tensor<D>;
}

/**
 * The groups that are left. An op without its dropped channels has groups of one size.
 * @throws RangeError naming the layer when its groups keep different numbers of channels, or one side of a group nothing.
 */
function evenGroups(layer: string, groups: readonly Group[]): readonly Group[] {
  const left = groups.filter(({ kept: { input, output } }) => input > 0 || output > 0);
  const [first] = left;
  for (const { index, kept } of left) {
    const isEven = kept.input === first.kept.input && kept.output === first.kept.output;
    if (isEven && kept.input > 0 && kept.output > 0) continue;
    throw new RangeError(
      `${layer}: group ${index} keeps ${kept.input} input and ${kept.output} output channels, group ${first.index} ${first.kept.input} and ${first.kept.output}; the groups of a static op keep equally many, at least one`,
    );
  }
  return left;
}

/** A dynamic op for each node with weights, its containers filled with the mutables of the units. */
export function createDynamicOps(analysis: ChannelAnalysis, units: readonly MutableChannelUnit[]): DynamicOp[] {
  const owner = new Int32Array(analysis.numClasses).fill(-1);
  const channel = new Int32Array(analysis.numClasses);
  units.forEach((unit, u) => {
    unit.channelUnit.classes.forEach((id, c) => {
      owner[id] = u;
      channel[id] = c;
    });
  });
  const containerOf = (value: string, axis: number): MutableChannelContainer => {
    const classes = axisClasses(analysis, value, axis);
    const container = new MutableChannelContainer(Number(getSpec(analysis.graph, value).shape[axis]));
    if (!classes) return container;
    for (let start = 0, end = 0; start < classes.length; start = end) {
      const u = owner[classes[start]];
      while (end < classes.length && owner[classes[end]] === u) end++;
      if (u < 0) continue;
      const positions = classes.subarray(start, end).map((id) => channel[id]);
      const { mutableChannel } = units[u];
      const whole = positions.length === units[u].numChannels && positions.every((c, i) => c === i);
      container.register(start, whole ? mutableChannel : deriveIndexed(mutableChannel, positions));
    }
    return container;
  };
  return analysis.graph.nodes.flatMap((node) => {
    const axes = findOp(node.op)?.parametric?.(
      node,
      node.inputs.map((id) => analysis.graph.values.get(id)),
    );
    if (!axes) return [];
    const inChannels = containerOf(node.inputs[0], axes.input);
    return [new DynamicOp(analysis.graph, node, axes, inChannels, containerOf(node.outputs[0], axes.output))];
  });
}
