import type { SliceContext } from '../../graph/channels.js';
import { type Attrs, type Graph, getSpec, type Node } from '../../graph/graph.js';
import { intAttr } from '../../graph/ops/attributes.js';
import { findOp, getOp } from '../../graph/ops/index.js';
import { normalizedGroups } from '../../graph/ops/sample-normalization.js';
import { elementCount, type RefTensor, scatterAxis, type Tensor } from '../../graph/tensor.js';
import { deriveIndexed, keptOfMask, MutableChannelContainer } from '../mutables/index.js';
import { axisClasses, type ChannelAnalysis } from '../tracer/index.js';
import type { MutableChannelUnit } from '../units/index.js';
import { gatherGroups, keptGroups, requireEvenGroups } from './kept-groups.js';
import { gatherAxes, type KeptAxes } from './tensor-slices.js';

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
  readonly #row: DynamicOpRow;
  readonly #axes: { readonly input: number; readonly output: number };

  constructor(
    graph: Graph,
    node: Node,
    axes: { readonly input: number; readonly output: number },
    inChannels: MutableChannelContainer,
    outChannels: MutableChannelContainer,
  ) {
    const row = DYNAMIC_OPS[node.op];
    if (!row) throw new Error(`${node.op} ${node.layer ?? node.name}: has weights and no dynamic op`);
    this.#graph = graph;
    this.node = node;
    this.#axes = axes;
    this.#row = row;
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
   * Runs the full op on the float64 reference, with the dropped channels zeroed at its input and its output. A norm that
   * mixes its channels runs over the kept ones.
   */
  forward(inputs: readonly (RefTensor | undefined)[]): RefTensor[] {
    const [x, ...weights] = inputs;
    if (this.#row.overKept && x) return [this.#forwardOverKept(x, weights)];
    const masked = x && zeroed(x, this.#axes.input, this.inChannels.currentMask);
    const [y, ...others] = getOp(this.node.op).evaluate(this.node, [masked, ...weights]);
    return [zeroed(y, this.#axes.output, this.outChannels.currentMask), ...others];
  }

  /**
   * Slices the layer's own weights and attributes by its masks, as the subnet has them.
   * @throws RangeError for masks that keep different numbers of channels in the layer's groups: no static op has such groups.
   */
  toStaticOp(weights: ReadonlyMap<string, Tensor>): StaticOp {
    const { currentMask: inMask } = this.inChannels;
    const { currentMask: outMask } = this.outChannels;
    const groups = this.#groups();
    const kept = groups > 1 ? keptGroups(groups, inMask, outMask) : undefined;
    if (kept) requireEvenGroups(`${this.node.op} ${this.name}`, kept);
    const keptIn = keptUnlessAll(inMask);
    const keptOut = keptUnlessAll(outMask);
    const constants = new Map<string, Tensor>();
    const { table = false, filters, grouped } = this.#row;
    const behind = getSpec(this.#graph, this.node.inputs[0]).shape.length - this.#axes.input;
    this.node.inputs.forEach((id, i) => {
      const full = (i === 0) === table ? weights.get(id) : undefined;
      if (!full) return;
      const sliced =
        i === 1 && kept && filters
          ? gatherGroups(full, groups, kept, filters)
          : gatherAxes(full, this.#row.axes(this.node, i, full, keptIn, keptOut, behind));
      constants.set(id, sliced);
    });
    const attrs = this.#attrs(keptIn, keptOut);
    return { attrs: kept && grouped ? { ...attrs, [grouped.attr]: kept.length } : attrs, constants };
  }

  /** In how many groups the op takes its channels. */
  #groups(): number {
    return this.#row.grouped?.count(this.node, this.inChannels.numChannels) ?? 1;
  }

  /** Group by group: each is normalised over the channels of it that are kept. */
  #forwardOverKept(x: RefTensor, weights: readonly (RefTensor | undefined)[]): RefTensor {
    const { currentMask: mask } = this.inChannels;
    const groups = this.#groups();
    const size = mask.length / groups;
    const axis = this.#axes.input;
    const behind = x.shape.length - axis;
    const attrs = this.#row.grouped ? { ...this.node.attrs, [this.#row.grouped.attr]: 1 } : this.node.attrs;
    let result = wide({ ...x, data: new Float64Array(x.data.length) });
    for (const { group, input } of keptGroups(groups, mask, mask)) {
      const kept = input.map((position) => group * size + position);
      const parts = weights.map((w, i) => w && gathered(w, this.#row.axes(this.node, i + 1, w, kept, kept, behind)));
      const own = x.shape.map((_, a) => (a === axis ? kept : undefined));
      const [y] = getOp(this.node.op).evaluate({ ...this.node, attrs }, [gathered(x, own), ...parts]);
      result = scatterAxis(result, axis, kept, wide(y));
    }
    return { ...x, data: result.data };
  }

  #attrs(keptIn: Int32Array | undefined, keptOut: Int32Array | undefined): Attrs {
    const rule = getOp(this.node.op).slice;
    if (!rule) return this.node.attrs;
    const shape = (id: string) => getSpec(this.#graph, id).shape;
    const context: SliceContext = {
      keptIn: (i, axis) => (i === 0 && axis === this.#axes.input ? keptIn : undefined),
      keptOut: (i, axis) => (i === 0 && axis === this.#axes.output ? keptOut : undefined),
      inputShape: (i) => shape(this.node.inputs[i]),
      outputShape: (i) => shape(this.node.outputs[i]),
      newOutputShape: (i) =>
        shape(this.node.outputs[i]).map((dim, axis) => (axis === this.#axes.output ? (keptOut?.length ?? dim) : dim)),
    };
    return rule(this.node, context);
  }
}

interface DynamicOpRow {
  /**
   * Which indices stay on each axis of input `i` that is a weight, from those of the layer's input and output channels.
   * `behind` is how many axes x has from its channel axis on: where that axis is in a weight that broadcasts to x.
   */
  axes(
    node: Node,
    i: number,
    weight: { readonly shape: readonly number[] },
    keptIn: Int32Array | undefined,
    keptOut: Int32Array | undefined,
    behind: number,
  ): KeptAxes;
  /** It mixes its channels, so runs over the kept ones. */
  readonly overKept?: true;
  /** It takes its channels in groups, whose number is an attribute. */
  readonly grouped?: { readonly attr: string; count(node: Node, channels: number): number };
  /** Where the filters of groups are: axis 0 of input 1 has the channels of this side, axis 1 those of a group of the other. */
  readonly filters?: 'input' | 'output';
  /** Input 0 is its one weight, and what it is looked up by comes behind. */
  readonly table?: true;
}

const GROUPED_CONVOLUTION = { attr: 'group', count: (node: Node) => intAttr(node, 'group', 1) };

/** Axes of weights, by op kind. What is one axis long is broadcast: a bias is not sliced when it is a scalar. */
const DYNAMIC_OPS: Readonly<Record<string, DynamicOpRow>> = {
  Conv: {
    axes: (_node, i, _weight, keptIn, keptOut) => (i === 1 ? [keptOut, keptIn] : [keptOut]),
    grouped: GROUPED_CONVOLUTION,
    filters: 'output',
  },
  ConvTranspose: {
    axes: (_node, i, _weight, keptIn, keptOut) => (i === 1 ? [keptIn, keptOut] : [keptOut]),
    grouped: GROUPED_CONVOLUTION,
    filters: 'input',
  },
  Gemm: {
    axes: (node, i, weight, keptIn, keptOut) => {
      if (i === 1) return node.attrs.transB ? [keptOut, keptIn] : [keptIn, keptOut];
      return broadcastAxes(weight, 1, keptOut);
    },
  },
  Gather: { axes: (_node, _i, _weight, _keptIn, keptOut) => [undefined, keptOut], table: true },
  MatMul: { axes: (_node, _i, _weight, keptIn, keptOut) => [keptIn, keptOut] },
  BatchNormalization: { axes: (_node, _i, _weight, _keptIn, keptOut) => [keptOut] },
  LayerNormalization: {
    axes: (_node, _i, weight, _keptIn, keptOut, behind) => broadcastAxes(weight, behind, keptOut),
    overKept: true,
  },
  GroupNormalization: {
    axes: (_node, _i, _weight, _keptIn, keptOut) => [keptOut],
    overKept: true,
    grouped: { attr: 'num_groups', count: normalizedGroups },
  },
  InstanceNormalization: { axes: (_node, _i, _weight, _keptIn, keptOut) => [keptOut] },
  PRelu: { axes: (_node, _i, weight, _keptIn, keptOut, behind) => broadcastAxes(weight, behind, keptOut) },
};

/** The channels of a weight that broadcasts, `behind` axes from its end. */
function broadcastAxes(
  weight: { readonly shape: readonly number[] },
  behind: number,
  kept: Int32Array | undefined,
): KeptAxes {
  const channels = weight.shape.length - behind;
  return weight.shape.map((extent, axis) => (axis === channels && extent > 1 ? kept : undefined));
}

function keptUnlessAll(mask: Uint8Array): Int32Array | undefined {
  return mask.every((bit) => bit === 1) ? undefined : keptOfMask(mask);
}

/** The same elements as a tensor of float64, which the reference computes in. */
const wide = (t: RefTensor): Tensor<'float64'> => ({ ...t, dtype: 'float64' });

function gathered(t: RefTensor, kept: KeptAxes): RefTensor {
  const { shape, data } = gatherAxes(wide(t), kept) as Tensor<'float64'>;
  return { dtype: t.dtype, shape, data };
}

function zeroed(t: RefTensor, axis: number, mask: Uint8Array): RefTensor {
  const inner = elementCount(t.shape.slice(axis + 1));
  const data = t.data.map((value, i) => (mask[Math.floor(i / inner) % mask.length] ? value : 0));
  return { dtype: t.dtype, shape: t.shape, data };
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
