import { type Constant, consumers, type Graph, type Node } from '../../../graph/graph.js';
import type { DType } from '../../../graph/tensor.js';
import { ELEMENTWISE } from './elementwise.js';
import { Expression } from './expression.js';

/** One pass over an iteration space. */
export interface MapStep {
  readonly kind: 'map';
  readonly shape: readonly number[];
  /** Computes in double: for anything but float32 and bool. */
  readonly wide: boolean;
  readonly expression: Expression;
  /** The values that are read elsewhere. */
  readonly outputs: readonly string[];
  readonly nodes: readonly Node[];
}

export interface NodeStep {
  readonly kind: 'node';
  readonly node: Node;
}

export type Step = MapStep | NodeStep;

/** So that operands, literals (at most 3 a node), registers and operations stay below the bounds of kernels/map.h. */
const MOST_OPERANDS = 40;
const MOST_NODES = 20;

interface Group {
  members: { node: Node; position: number }[];
  /** What map groups must agree in to be joined; undefined for a node that stays alone. */
  readonly space?: string;
  /** Groups that this one reads from. */
  readonly sources: Set<Group>;
  /** The group that it was joined to. */
  into?: Group;
}

const current = (group: Group): Group => (group.into ? current(group.into) : group);

/**
 * Cuts a graph into steps in an order that can run: elementwise nodes over the same space are joined with those that they
 * read from, wherever no other node stands between.
 */
export function cutIntoSteps(graph: Graph<number>): Step[] {
  const made = new Map<string, Group>();
  const groups: Group[] = [];
  graph.nodes.forEach((node, position) => {
    const own: Group = { members: [{ node, position }], space: spaceOf(graph, node), sources: new Set() };
    for (const id of node.inputs) {
      const source = made.get(id);
      if (source) own.sources.add(current(source));
    }
    groups.push(own);
    for (const id of node.outputs) made.set(id, own);
    if (own.space === undefined) return;
    for (const source of [...own.sources]) join(current(source), current(own));
  });
  const left = groups.filter((group) => !group.into);
  const readers = consumers(graph);
  const isReadOutside = (id: string, group: Group): boolean =>
    graph.outputs.some(({ value }) => value === id) ||
    (readers.get(id)?.some((node) => current(made.get(node.outputs[0])!) !== group) ?? false);
  return inOrder(left).map((group) => toStep(graph, group, isReadOutside));
}

function spaceOf(graph: Graph<number>, node: Node): string | undefined {
  if (!Object.hasOwn(ELEMENTWISE, node.op)) return undefined;
  const dtypes = [...node.inputs, ...node.outputs].map((id) => graph.values.get(id)!.dtype);
  return `${isWide(dtypes) ? 'wide ' : ''}${graph.values.get(node.outputs[0])!.shape}`;
}

const isWide = (dtypes: readonly DType[]): boolean => dtypes.some((dtype) => dtype !== 'float32' && dtype !== 'bool');

/** Joins `group` to `source`, which it reads from, unless a third group stands between the two. */
function join(source: Group, group: Group): void {
  if (source === group || source.space !== group.space) return;
  if (source.members.length + group.members.length > MOST_NODES) return;
  const operands = new Set(
    [...source.members, ...group.members].flatMap(({ node }) => [...node.inputs, ...node.outputs]),
  );
  if (operands.size > MOST_OPERANDS) return;
  const outside = [...source.sources, ...group.sources].map(current).filter((g) => g !== source && g !== group);
  if (reaches(outside, source, group)) return;
  source.members = [...source.members, ...group.members];
  for (const g of group.sources) if (current(g) !== source) source.sources.add(current(g));
  source.sources.delete(group);
  source.sources.delete(source);
  group.into = source;
}

function reaches(from: readonly Group[], a: Group, b: Group): boolean {
  const seen = new Set<Group>();
  const open = [...from];
  for (let group = open.pop(); group; group = open.pop()) {
    if (group === a || group === b) return true;
    if (seen.has(group)) continue;
    seen.add(group);
    for (const source of group.sources) open.push(current(source));
  }
  return false;
}

/**
 * Groups after those that they read from; otherwise by their last member's place in the graph. What nothing reads, as the
 * update of a weight, follows its sources at once: their memory is free from then on.
 */
function inOrder(groups: readonly Group[]): Group[] {
  const read = new Set(groups.flatMap((group) => [...group.sources].map(current).filter((g) => g !== group)));
  const last = (group: Group): number => Math.max(...group.members.map(({ position }) => position));
  const place = (group: Group): number => {
    return read.has(group) ? last(group) : Math.max(0, ...[...group.sources].map((g) => last(current(g)) + 0.5));
  };
  const ordered: Group[] = [];
  const done = new Set<Group>();
  const visit = (group: Group): void => {
    if (done.has(group)) return;
    done.add(group);
    const sources = [...new Set([...group.sources].map(current))].filter((g) => g !== group);
    for (const source of sources.sort((a, b) => place(a) - place(b))) visit(source);
    ordered.push(group);
  };
  for (const group of groups.toSorted((a, b) => place(a) - place(b))) visit(group);
  return ordered;
}

function toStep(graph: Graph<number>, group: Group, isReadOutside: (id: string, group: Group) => boolean): Step {
  const nodes = group.members.toSorted((a, b) => a.position - b.position).map(({ node }) => node);
  if (group.space === undefined) return { kind: 'node', node: nodes[0] };
  const expression = new Expression();
  for (const node of nodes) {
    const terms = node.inputs.map((id) => {
      const literal = literalOf(graph.constants.get(id));
      return literal === undefined ? expression.read(id) : expression.literal(literal);
    });
    const [output] = node.outputs;
    const term = ELEMENTWISE[node.op](expression, terms, node, graph.values.get(output)!.dtype);
    expression.results.set(output, term);
  }
  const outputs = nodes.flatMap((node) => node.outputs).filter((id) => isReadOutside(id, group));
  return {
    kind: 'map',
    shape: graph.values.get(nodes[0].outputs[0])!.shape,
    wide: group.space.startsWith('wide'),
    expression,
    outputs,
    nodes,
  };
}

/** A constant of one element is part of the expression. */
function literalOf(constant: Constant | undefined): number | undefined {
  if (constant?.tensor.data.length !== 1 || constant.tensor.shape.length > 0) return undefined;
  return Number(constant.tensor.data[0]);
}
