import { type Graph, getSpec, type Node } from '../../graph/graph.js';
import { OpError } from '../../graph/op-spec.js';
import { decompose } from '../../graph/passes/decompose.js';
import { NodeLowering } from './lowering.js';
import { LOWERINGS } from './lowerings/index.js';
import { OnnxModelBuilder } from './model-builder.js';

export interface LoweredGraph {
  readonly model: Uint8Array<ArrayBuffer>;
  /** The model's output that holds each graph output; outputs of one value share one. */
  readonly fetches: ReadonlyMap<string, string>;
  /** The nodes that `onHost` chose, as the model names them. */
  readonly hostNodes: readonly string[];
}

/**
 * Writes a graph as one ONNX model. Values keep their ids as names; constants that something reads become initializers.
 * @param onHost which nodes a device leaves to the host
 * @throws OpError naming a node whose op this engine doesn't have.
 */
export function lowerGraph(whole: Graph, onHost: (graph: Graph, node: Node) => boolean = () => false): LoweredGraph {
  const graph = decompose(whole, (op) => Object.hasOwn(LOWERINGS, op));
  const model = new OnnxModelBuilder(graph.name);
  for (const id of graph.values.keys()) model.reserve(id);
  for (const node of graph.nodes) model.reserve(node.name);

  const read = new Set(graph.nodes.flatMap((node) => node.inputs));
  for (const { value } of graph.outputs) read.add(value);
  for (const id of graph.inputs) model.input(id, getSpec(graph, id));
  for (const [id, constant] of graph.constants) if (read.has(id)) model.initializer(id, constant.tensor);

  const produced = new Set<string>();
  const hostNodes: string[] = [];
  for (const node of graph.nodes) {
    if (!Object.hasOwn(LOWERINGS, node.op)) throw new OpError(node, 'the onnxruntime engine has no such op');
    const x = new NodeLowering(graph, model, node);
    const before = model.nodeCount;
    LOWERINGS[node.op](x);
    if (!x.isFinished) throw new OpError(node, 'its lowering left an output out');
    if (onHost(graph, node)) hostNodes.push(...model.nodeNamesFrom(before));
    for (const id of node.outputs) produced.add(id);
  }

  const names = new Map<string, string>();
  for (const { value } of graph.outputs) {
    if (names.has(value)) continue;
    // A model's output must be computed by one of its nodes.
    const name = produced.has(value) ? value : model.freshName(`${value}/fetched`);
    if (name !== value) model.node({ name, opType: 'Identity', inputs: [value], outputs: [name] });
    model.output(name, getSpec(graph, value));
    names.set(value, name);
  }
  const fetches = new Map(graph.outputs.map((o) => [o.name, names.get(o.value) ?? o.value]));
  return { model: model.encode(), fetches, hostNodes };
}
