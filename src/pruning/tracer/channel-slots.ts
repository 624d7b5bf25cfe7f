import { type AxisChannels, FIXED } from '../../graph/channels.js';
import type { Graph, Node } from '../../graph/graph.js';
import { findOp } from '../../graph/ops/index.js';

export type Side = 'output' | 'input';

/** One side of one layer with weights: a place where channels are made or read. A layer used twice has one slot a side. */
export interface ChannelSlot {
  readonly layer: string;
  readonly side: Side;
  readonly node: Node;
  readonly passThrough: boolean;
  /** Of the value on that side; 2 where channels were flattened or pooled away. */
  readonly rank: number;
  /** The class of each index on the layer's channel axis. */
  readonly classes: Int32Array;
}

/** An output axis of a layer that is fixed outright. */
export interface FixedSlot {
  readonly layer: string;
  readonly channels: number;
}

/** All slots in graph order, a layer's input before its output. */
export function findSlots(
  graph: Graph,
  axes: ReadonlyMap<string, readonly AxisChannels[]>,
): { slots: ChannelSlot[]; fixed: FixedSlot[] } {
  const slots: ChannelSlot[] = [];
  const fixed: FixedSlot[] = [];
  const seen = new Map<string, ChannelSlot[]>();
  for (const node of graph.nodes) {
    const parametric = findOp(node.op)?.parametric?.(
      node,
      node.inputs.map((id) => graph.values.get(id)),
    );
    if (!parametric) continue;
    const layer = node.layer ?? node.name;
    const places = [
      { side: 'input', value: node.inputs[0], axis: parametric.input },
      { side: 'output', value: node.outputs[0], axis: parametric.output },
    ] as const;
    for (const { side, value, axis } of places) {
      const channels = axes.get(value)?.[axis];
      if (channels === undefined) throw new Error(`${node.op} ${layer}: value ${value} has no axis ${axis}`);
      if (channels === FIXED) {
        if (side === 'output') fixed.push({ layer, channels: Number(graph.values.get(value)?.shape[axis]) });
        continue;
      }
      // Nodes that share all their weights are one layer; where they see the same channels they have one slot.
      const weights = node.inputs.filter((id) => graph.constants.has(id));
      const key = `${side} ${node.op} ${(weights.length > 0 ? weights : node.inputs.slice(1)).join(' ')}`;
      const sharers = seen.get(key) ?? [];
      if (sharers.some((slot) => sameClasses(slot.classes, channels))) continue;
      const rank = axes.get(value)?.length ?? 0;
      const slot = { layer, side, node, passThrough: parametric.passThrough, rank, classes: channels };
      seen.set(key, [...sharers, slot]);
      slots.push(slot);
    }
  }
  return { slots, fixed };
}

function sameClasses(a: Int32Array, b: Int32Array): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
