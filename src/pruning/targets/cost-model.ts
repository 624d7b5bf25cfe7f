import { FIXED } from '../../graph/channels.js';
import { graphCost } from '../../graph/cost.js';
import { countedElements } from '../../graph/dims.js';
import { type Graph, getSpec, type Node, type TensorSpec } from '../../graph/graph.js';
import type { Cost } from '../../graph/op-spec.js';
import { getOp } from '../../graph/ops/index.js';
import { withoutSpares } from '../../graph/passes/spare-biases.js';
import { type SampleCost, sampleCosts } from '../../graph/sample-cost.js';
import { DTYPE_BYTES } from '../../graph/tensor.js';
import { slicedAttrs } from '../dynamic-ops/slice-node.js';
import type { ChannelAnalysis } from '../tracer/index.js';

/** What a subnet costs: MACs of one sample by both countings, elements and bytes of weights and running statistics. */
export interface SubnetCost extends Cost {
  readonly parameters: number;
  readonly sizeBytes: number;
  /** As the latency model has it; 0 without one. */
  readonly latencyMs: number;
}

/** Predicts how long nodes take from measurements that its maker took. */
export interface LatencyModel {
  /** Milliseconds of a node of the full graph at the cost that its narrower widths come to. */
  nodeMs(node: Node, cost: Cost): number;
}

/** A unit as the cost model sees it: its classes from the one that goes last to the one that goes first. */
export interface RankedUnit {
  readonly classes: Int32Array;
}

/** How many indices of an axis stay, from the number of channels that each unit keeps. */
interface Extent {
  readonly full: number;
  /** Indices that no unit drops. */
  readonly constant: number;
  /** By unit, `stays[k]`: indices that stay when the unit keeps its k best channels. */
  readonly parts: readonly { readonly unit: number; readonly stays: Int32Array }[];
}

/** One summand of the cost, and the units that it depends on. */
interface Term {
  readonly units: readonly number[];
  evaluate(): SubnetCost;
  value: SubnetCost;
}

const NOTHING: SubnetCost = { macs: 0, mmrazor: 0, parameters: 0, sizeBytes: 0, latencyMs: 0 };

/**
 * The exact cost of a subnet from the number of channels that each unit keeps, without slicing anything: shapes are
 * counted, each op's own cost rule does the rest. Changing one unit's number costs only the layers that it touches, so a
 * planner can ask thousands of times.
 */
export class CostModel {
  readonly #counts: Int32Array;
  readonly #full: Int32Array;
  readonly #terms: readonly Term[];
  readonly #termsOfUnit: readonly Term[][];
  readonly #whole: SubnetCost;
  #total: SubnetCost;

  /** All channels are kept at first. */
  constructor(analysis: ChannelAnalysis, units: readonly RankedUnit[], latency?: LatencyModel) {
    this.#counts = Int32Array.from(units, (unit) => unit.classes.length);
    this.#terms = new TermBuilder(analysis, units, this.#counts, latency).build();
    this.#termsOfUnit = units.map((_, u) => this.#terms.filter((term) => term.units.includes(u)));
    this.#total = this.#terms.reduce((sum, term) => plus(sum, term.value, 1), NOTHING);
    this.#full = this.counts.slice();
    this.#whole = { ...this.#total, ...costWithoutSpares(analysis.graph, this.#total) };
  }

  /** The channels that each unit keeps now. */
  get counts(): Int32Array {
    return this.#counts;
  }

  get cost(): SubnetCost {
    return this.#total;
  }

  /** What a file of these widths would cost: spare biases are written where something is pruned, so the whole network has none. */
  get delivered(): SubnetCost {
    const isWhole = this.#counts.every((count, unit) => count === this.#full[unit]);
    return isWhole ? this.#whole : this.#total;
  }

  /** Sets how many channels a unit keeps and gives the cost of the whole. */
  set(unit: number, count: number): SubnetCost {
    if (this.#counts[unit] === count) return this.#total;
    this.#counts[unit] = count;
    for (const term of this.#termsOfUnit[unit]) {
      const value = term.evaluate();
      this.#total = plus(plus(this.#total, term.value, -1), value, 1);
      term.value = value;
    }
    return this.#total;
  }
}

function costWithoutSpares(graph: Graph, full: SubnetCost): Omit<SubnetCost, 'latencyMs'> {
  const plain = withoutSpares(graph);
  if (plain === graph) return full;
  const { macs, mmrazor, parameters } = graphCost(plain);
  const spares = [...graph.constants.values()].filter(({ role }) => role === 'spare');
  const spareBytes = spares.reduce((sum, { tensor }) => sum + tensor.data.byteLength, 0);
  return { macs, mmrazor, parameters, sizeBytes: full.sizeBytes - spareBytes };
}

function plus(a: SubnetCost, b: SubnetCost, sign: 1 | -1): SubnetCost {
  return {
    macs: a.macs + sign * b.macs,
    mmrazor: a.mmrazor + sign * b.mmrazor,
    parameters: a.parameters + sign * b.parameters,
    sizeBytes: a.sizeBytes + sign * b.sizeBytes,
    latencyMs: a.latencyMs + sign * b.latencyMs,
  };
}

/** Builds the terms of a graph: one for each node that costs something, one for each constant that counts. */
class TermBuilder {
  readonly #graph: Graph;
  readonly #analysis: ChannelAnalysis;
  readonly #counts: Int32Array;
  readonly #latency: LatencyModel | undefined;
  readonly #owner: Int32Array;
  readonly #rank: Int32Array;
  readonly #sizes: readonly number[];
  readonly #extents = new Map<Int32Array, Extent>();

  constructor(analysis: ChannelAnalysis, units: readonly RankedUnit[], counts: Int32Array, latency?: LatencyModel) {
    this.#latency = latency;
    this.#graph = analysis.graph;
    this.#analysis = analysis;
    this.#counts = counts;
    this.#owner = new Int32Array(analysis.numClasses).fill(-1);
    this.#rank = new Int32Array(analysis.numClasses);
    this.#sizes = units.map((unit) => unit.classes.length);
    units.forEach((unit, u) => {
      unit.classes.forEach((id, rank) => {
        this.#owner[id] = u;
        this.#rank[id] = rank;
      });
    });
  }

  build(): Term[] {
    const terms: Term[] = [];
    const sampleCost = sampleCosts(this.#graph);
    for (const node of this.#graph.nodes) if (getOp(node.op).cost) terms.push(this.#nodeTerm(node, sampleCost));
    for (const [id, { role }] of this.#graph.constants) if (role !== 'literal') terms.push(this.#constantTerm(id));
    return terms;
  }

  #nodeTerm(node: Node, sampleCost: SampleCost): Term {
    const values = [...node.inputs, ...node.outputs].filter((id) => id !== '');
    return this.#term(values, () => {
      // Costs depend on how many channels stay and not on which: the first ones stand for any.
      const kept = (value: string, axis: number): Int32Array | undefined => {
        const extent = this.#extent(value, axis);
        const size = extent && this.#size(extent);
        return size === undefined || size === extent?.full ? undefined : Int32Array.from({ length: size }, (_, i) => i);
      };
      const inputs = node.inputs.map((id) => (id === '' ? undefined : this.#spec(id)));
      const outputs = node.outputs.map((id) => this.#spec(id));
      const cost = sampleCost({ ...node, attrs: slicedAttrs(this.#graph, node, kept) }, inputs, outputs);
      return { ...NOTHING, ...cost, latencyMs: this.#latency?.nodeMs(node, cost) ?? 0 };
    });
  }

  #constantTerm(id: string): Term {
    return this.#term([id], () => {
      const { dtype, shape } = this.#spec(id);
      const parameters = countedElements(shape);
      return { ...NOTHING, parameters, sizeBytes: parameters * DTYPE_BYTES[dtype] };
    });
  }

  #term(values: readonly string[], evaluate: () => SubnetCost): Term {
    const units = new Set<number>();
    for (const value of values) {
      getSpec(this.#graph, value).shape.forEach((_, axis) => {
        for (const part of this.#extent(value, axis)?.parts ?? []) units.add(part.unit);
      });
    }
    return { units: [...units], evaluate, value: evaluate() };
  }

  #spec(value: string): TensorSpec {
    const { dtype, shape } = getSpec(this.#graph, value);
    const sizeOf = (axis: number): number | undefined => {
      const extent = this.#extent(value, axis);
      return extent && this.#size(extent);
    };
    return { dtype, shape: shape.map((dim, axis) => sizeOf(axis) ?? dim) };
  }

  #size({ constant, parts }: Extent): number {
    return parts.reduce((sum, { unit, stays }) => sum + stays[this.#counts[unit]], constant);
  }

  #extent(value: string, axis: number): Extent | undefined {
    const channels = this.#analysis.axes.get(value)?.[axis];
    if (channels === undefined || channels === FIXED) return undefined;
    const known = this.#extents.get(channels);
    if (known) return known;
    const stays = new Map<number, Int32Array>();
    let constant = 0;
    for (const id of channels) {
      const unit = this.#owner[id];
      if (unit < 0) {
        constant++;
        continue;
      }
      const counts = stays.get(unit) ?? new Int32Array(this.#sizes[unit] + 1);
      counts[this.#rank[id] + 1]++;
      stays.set(unit, counts);
    }
    const parts = [...stays].map(([unit, counts]) => {
      for (let k = 1; k < counts.length; k++) counts[k] += counts[k - 1];
      return { unit, stays: counts };
    });
    const extent = { full: channels.length, constant, parts };
    this.#extents.set(channels, extent);
    return extent;
  }
}
