import { consumers, type Graph, getSpec, type Node } from '../../graph/graph.js';
import { intsAttr } from '../../graph/ops/attributes.js';
import { findOp } from '../../graph/ops/index.js';

/** What the axes of an input stand for, batch aside. */
export interface SampleLayout {
  readonly channels: number;
  /** Along these neighbours belong together: height and width, time. */
  readonly spatial: readonly number[];
}

/** A value that an input becomes: for each of its axes, which one of the input's it is. */
interface Followed {
  readonly value: string;
  readonly axes: readonly number[];
}

/**
 * The axes of an input `[N, …]`, by the first layer with weights or windows that reads it: the IR's are channels-first, and a
 * file's channels-last input is transposed before. Channels-first where no layer says.
 * @example sampleLayout(graph, 'image') // of [N, 224, 224, 3]: { channels: 3, spatial: [1, 2] }
 */
export function sampleLayout(graph: Graph, input: string): SampleLayout {
  const { shape } = getSpec(graph, input);
  const readers = consumers(graph);
  const open: Followed[] = [{ value: input, axes: shape.map((_, axis) => axis) }];
  const seen = new Set<string>([input]);
  for (let at = open.shift(); at; at = open.shift()) {
    for (const node of readers.get(at.value) ?? []) {
      const channels = channelAxis(node, at.axes.length);
      if (channels !== undefined) return layout(at.axes, channels);
      const axes = handedOn(graph, node, at);
      if (!axes || seen.has(node.outputs[0])) continue;
      seen.add(node.outputs[0]);
      open.push({ value: node.outputs[0], axes });
    }
  }
  return layout(
    shape.map((_, axis) => axis),
    1,
  );
}

function layout(axes: readonly number[], channels: number): SampleLayout {
  return {
    channels: axes[channels],
    spatial: axes.filter((axis, i) => i !== channels && axis !== 0).sort((a, b) => a - b),
  };
}

/** Windows and norms have their channels on axis 1, products on the last. */
function channelAxis(node: Node, rank: number): number | undefined {
  const spec = findOp(node.op);
  if (spec?.batchFirst) return 1;
  return spec?.filters ? rank - 1 : undefined;
}

/** Axes move in a transposition, and stay in ops that have as many and don't mix them. */
function handedOn(graph: Graph, node: Node, { value, axes }: Followed): readonly number[] | undefined {
  if (node.op === 'Transpose') {
    const reversed = axes.map((_, i) => axes.length - 1 - i);
    return intsAttr(node, 'perm', reversed).map((from) => axes[from]);
  }
  const { shape } = getSpec(graph, node.outputs[0]);
  const same = getSpec(graph, value).shape.every((dim, i) => dim === shape[i]) && shape.length === axes.length;
  return same ? axes : undefined;
}
