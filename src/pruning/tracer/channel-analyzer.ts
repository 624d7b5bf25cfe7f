import { type AxisChannels, FIXED, type Reason } from '../../graph/channels.js';
import type { Graph, Node } from '../../graph/graph.js';
import { findOp } from '../../graph/ops/index.js';
import type { ChannelAnalysis } from './channel-analysis.js';
import { ChannelClasses } from './channel-classes.js';
import { layerGlobs } from './layer-globs.js';
import { tracerReason } from './reasons.js';
import { NodeChannelContext, TracedValues } from './tracing-context.js';
import { extractUnits } from './unit-extraction.js';

export interface AnalyzerOptions {
  /** Globs on layer names whose output channels stay. */
  readonly ignore?: readonly string[];
}

/**
 * The tracer: walks the graph once, without running it, and finds which channels live and die together. Each op's
 * `channels` rule ties the indices of its inputs and outputs; an op without the rule freezes all that it touches.
 */
export class ChannelAnalyzer {
  readonly #options: AnalyzerOptions;

  constructor(options: AnalyzerOptions = {}) {
    this.#options = options;
  }

  analyze(graph: Graph): ChannelAnalysis {
    const classes = new ChannelClasses();
    const values = new TracedValues(graph, classes);
    const ignored = layerGlobs(this.#options.ignore ?? []);
    for (const input of graph.inputs) {
      values.define(input);
      values.freeze(input, tracerReason('INPUT', input));
    }
    const renormalising = new Map<string, readonly Int32Array[]>();
    const separated: Int32Array[] = [];
    for (const node of graph.nodes) {
      const traced = traceNode(graph, node, classes, values);
      if (traced.renormalised.length > 0) renormalising.set(node.name, traced.renormalised);
      separated.push(...traced.separated);
      const layer = node.layer ?? node.name;
      if (ignored(layer)) for (const output of node.outputs) values.freeze(output, tracerReason('IGNORED', layer));
    }
    for (const { name, value } of graph.outputs) values.freeze(value, tracerReason('OUTPUT', name));
    return summarize(graph, classes, values, renormalising, separated);
  }
}

/** Gives the axes that the node renormalises over, and the channels that it separates from others. */
function traceNode(
  graph: Graph,
  node: Node,
  classes: ChannelClasses,
  values: TracedValues,
): Pick<NodeChannelContext, 'renormalised' | 'separated'> {
  const rule = findOp(node.op)?.channels;
  if (!rule) {
    const reason = tracerReason('OPAQUE_OP', `${node.attrs.opType ?? node.op} ${node.layer ?? node.name}`);
    for (const output of node.outputs) values.define(output);
    for (const id of [...node.inputs, ...node.outputs]) if (id !== '') values.freeze(id, reason);
    return { renormalised: [], separated: [] };
  }
  const context = new NodeChannelContext(graph, node, classes, values);
  rule(node, context);
  for (const output of node.outputs) {
    if (!values.has(output))
      throw new Error(`channel rule of ${node.op} ${node.name}: output ${output} has no channels`);
  }
  return context;
}

/** Numbers the classes densely, in order of appearance, and extracts the units. */
function summarize(
  graph: Graph,
  classes: ChannelClasses,
  values: TracedValues,
  renormalisedAxes: ReadonlyMap<string, readonly Int32Array[]>,
  separated: readonly Int32Array[],
): ChannelAnalysis {
  const numbers = new Int32Array(classes.count).fill(-1);
  const representatives: number[] = [];
  const numbered = new Map<Int32Array, Int32Array>();
  const number = (ids: Int32Array): Int32Array => {
    const known = numbered.get(ids);
    if (known) return known;
    const out = new Int32Array(ids.length);
    for (let i = 0; i < out.length; i++) {
      const root = classes.find(ids[i]);
      if (numbers[root] < 0) numbers[root] = representatives.push(root) - 1;
      out[i] = numbers[root];
    }
    numbered.set(ids, out);
    return out;
  };
  const axes = new Map<string, readonly AxisChannels[]>();
  for (const [value, channels] of values.entries()) {
    axes.set(
      value,
      channels.map((ids) => (ids === FIXED ? FIXED : number(ids))),
    );
  }
  const frozen = (id: number): Reason | undefined => classes.frozenReason(representatives[id]);
  const renormalised = (id: number): boolean => classes.isRenormalised(representatives[id]);
  const parts = separated.map(number);
  const facts = { graph, numClasses: representatives.length, axes, parts, frozen, renormalised };
  const renormalising = new Map([...renormalisedAxes].map(([node, lists]) => [node, lists.map(number)]));
  return { graph, numClasses: facts.numClasses, axes, renormalising, ...extractUnits(facts) };
}
