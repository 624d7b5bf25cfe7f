import { formatShape } from './dims.js';
import type { Graph, Node, TensorSpec } from './graph.js';
import { inferNode } from './infer.js';
import { elementCount } from './tensor.js';

/**
 * Checks every invariant of a graph, as after each pass: names are unique, nothing dangles, nodes stand after what they
 * read, ops get what they take, specs equal a fresh inference, constants fill their specs, outputs exist.
 * @throws Error listing every fault, each naming its node or value.
 */
export function verify(graph: Graph): void {
  const faults = findFaults(graph);
  if (faults.length > 0) throw new Error(`graph ${graph.name} is not valid:\n- ${faults.join('\n- ')}`);
}

function findFaults(graph: Graph): string[] {
  const faults: string[] = [];
  const known = new Set<string>();
  const define = (value: string, what: string) => {
    if (known.has(value)) faults.push(`${what} defines value ${value}, which exists already`);
    known.add(value);
  };
  for (const id of graph.inputs) {
    define(id, 'the list of inputs');
    if (!graph.values.has(id)) faults.push(`input ${id} has no spec`);
  }
  for (const id of graph.constants.keys()) define(id, 'the table of constants');
  faults.push(...constantFaults(graph));

  const names = new Set<string>();
  for (const node of graph.nodes) {
    if (names.has(node.name)) faults.push(`two nodes are named ${node.name}`);
    names.add(node.name);
    const missing = node.inputs.filter((id) => id !== '' && !known.has(id));
    for (const id of missing) faults.push(`node ${node.name} reads ${id} ${whyMissing(graph, id)}`);
    for (const id of node.outputs) define(id, `node ${node.name}`);
    if (missing.length === 0) faults.push(...inferenceFaults(graph, node));
  }

  for (const id of graph.values.keys())
    if (!known.has(id)) faults.push(`value ${id} has a spec and nothing defines it`);
  const outputs = new Set<string>();
  for (const { name, value } of graph.outputs) {
    if (outputs.has(name)) faults.push(`two outputs are named ${name}`);
    outputs.add(name);
    if (!known.has(value)) faults.push(`output ${name} is value ${value}, which does not exist`);
  }
  if (graph.outputs.length === 0) faults.push('there are no outputs');
  return faults;
}

function constantFaults(graph: Graph): string[] {
  const faults: string[] = [];
  for (const [id, { tensor }] of graph.constants) {
    const spec = graph.values.get(id);
    if (!spec) faults.push(`constant ${id} has no spec`);
    else if (!sameSpec(spec, tensor)) {
      faults.push(`constant ${id} is ${formatSpec(tensor)}, its spec says ${formatSpec(spec)}`);
    }
    if (tensor.data.length !== elementCount(tensor.shape)) {
      faults.push(`constant ${id} of shape ${formatShape(tensor.shape)} holds ${tensor.data.length} elements`);
    }
  }
  return faults;
}

function inferenceFaults(graph: Graph, node: Node): string[] {
  let specs: TensorSpec[];
  try {
    specs = inferNode(node, graph);
  } catch (error) {
    return [`node ${node.name}: ${error instanceof Error ? error.message : String(error)}`];
  }
  return specs.flatMap((spec, i) => {
    const recorded = graph.values.get(node.outputs[i]);
    if (recorded && sameSpec(recorded, spec)) return [];
    const found = recorded ? formatSpec(recorded) : 'nothing';
    return [`output ${node.outputs[i]} of node ${node.name} is recorded as ${found}, inferred ${formatSpec(spec)}`];
  });
}

function whyMissing(graph: Graph, id: string): string {
  const producer = graph.nodes.find((node) => node.outputs.includes(id));
  return producer ? `before node ${producer.name} produces it` : 'which does not exist';
}

function sameSpec(a: TensorSpec, b: TensorSpec): boolean {
  return a.dtype === b.dtype && a.shape.length === b.shape.length && a.shape.every((d, i) => d === b.shape[i]);
}

function formatSpec(spec: TensorSpec): string {
  return `${spec.dtype} ${formatShape(spec.shape)}`;
}
