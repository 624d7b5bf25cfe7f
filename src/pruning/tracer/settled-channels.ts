import type { AxisChannels } from '../../graph/channels.js';
import type { Graph, Node } from '../../graph/graph.js';
import { getOp } from '../../graph/ops/index.js';
import type { ChannelAnalysis } from './channel-analysis.js';
import { ChannelClasses } from './channel-classes.js';
import { NodeChannelContext, TracedValues } from './tracing-context.js';

/**
 * The channels of an analyzed graph's values, and of those that spell one of its nodes in others. What is tied and what is
 * frozen is settled by then.
 */
export class SettledChannels {
  readonly #classes = new ChannelClasses();
  readonly #values: TracedValues;
  readonly #graph: Graph;

  /** @param graph has the values that are traced, too. */
  constructor({ numClasses, axes }: ChannelAnalysis, graph: Graph) {
    this.#classes.fresh(numClasses);
    this.#values = new TracedValues(graph, this.#classes, axes);
    this.#graph = graph;
  }

  /** Follows the channels through a new node. Gives the lists of them that it renormalises over. */
  trace(node: Node): readonly Int32Array[] {
    const context = new SettledContext(this.#graph, node, this.#classes, this.#values);
    getOp(node.op).channels?.(node, context);
    return context.renormalised;
  }

  axes(value: string): readonly AxisChannels[] {
    return this.#values.get(value);
  }
}

class SettledContext extends NodeChannelContext {
  override tie(): void {}
  override freeze(): void {}
}
