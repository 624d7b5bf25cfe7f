import { EspalierError } from '../../errors.js';
import { type Graph, getSpec, type Node } from '../../graph/graph.js';
import { OpError } from '../../graph/op-spec.js';
import { decompose } from '../../graph/passes/decompose.js';
import type { Tensor } from '../../graph/tensor.js';
import { checkedFeed, checkOutput } from '../check-values.js';
import type { CompiledGraph, Engine } from '../engine.js';
import { download, upload } from './host-tensors.js';
import { type Kernel, type KernelResult, NodeRun } from './kernel.js';
import { KERNELS } from './kernels/index.js';
import { type TF, Value } from './value.js';

/**
 * Interprets graphs, training steps too, node by node on the backend that TensorFlow.js has active. It needs none of
 * tfjs's gradients: steps spell them out, and where a backend lacks a kernel, one is composed of others.
 * @param options.device what the backend computes on: `cuda`, `cpu`.
 * @param options.threads what the backend was given; it is only reported.
 */
export function createTensorFlowEngine(options: { tf: TF; device: string; threads: number }): Engine {
  const { tf, device, threads } = options;
  return {
    name: 'tensorflow',
    device,
    threads,
    async compile(whole) {
      const graph = decompose(whole, (op) => Object.hasOwn(KERNELS, op));
      for (const node of graph.nodes) {
        if (node.op === 'Opaque') throw notHere(node);
        if (!Object.hasOwn(KERNELS, node.op)) throw new OpError(node, 'the tensorflow engine has no such op');
      }
      return new InterpretedGraph(tf, graph);
    },
  };
}

function notHere(node: Node): EspalierError {
  return new EspalierError(
    'LAYER_UNSUPPORTED',
    `layer ${node.layer ?? node.name} (${node.attrs.opType}) is an operator that only the onnxruntime engine runs`,
  );
}

class InterpretedGraph implements CompiledGraph {
  readonly #tf: TF;
  readonly #graph: Graph;
  /** Uploaded once: what is read of the graph's constants. */
  readonly #constants = new Map<string, Value>();
  /** For each node, the values that nothing reads after it. */
  readonly #endings: readonly (readonly string[])[];
  #released = false;

  constructor(tf: TF, graph: Graph) {
    this.#tf = tf;
    this.#graph = graph;
    this.#endings = endings(graph);
    const read = new Set(graph.nodes.flatMap((node) => node.inputs));
    for (const { value } of graph.outputs) read.add(value);
    for (const [id, { tensor }] of graph.constants) {
      if (read.has(id)) this.#constants.set(id, new Value(tf, upload(tf, tensor), 'channels-first'));
    }
  }

  async run(feeds: ReadonlyMap<string, Tensor>): Promise<Map<string, Tensor>> {
    const graph = this.#graph;
    if (this.#released) throw new Error(`graph ${graph.name} has been released`);
    const symbols = new Map<string, number>();
    const checked = graph.inputs.map((id) => [id, checkedFeed(graph, id, feeds, symbols)] as const);
    const values = new Map<string, Value>();
    try {
      for (const [id, feed] of checked) values.set(id, new Value(this.#tf, upload(this.#tf, feed), 'channels-first'));
      this.#interpret(values);
      const outputs = new Map<string, Tensor>();
      for (const { name, value } of graph.outputs) {
        const spec = getSpec(graph, value);
        const result = (this.#constants.get(value) ?? values.get(value)!).in('channels-first');
        const tensor = await download(result, spec.dtype);
        checkOutput(name, spec, tensor.dtype, tensor.shape, symbols);
        outputs.set(name, tensor);
      }
      return outputs;
    } finally {
      for (const value of values.values()) value.dispose();
    }
  }

  async release(): Promise<void> {
    this.#released = true;
    for (const value of this.#constants.values()) value.dispose();
    this.#constants.clear();
  }

  /** Runs every node; a value that nothing reads any more makes room at once. */
  #interpret(values: Map<string, Value>): void {
    this.#graph.nodes.forEach((node, position) => {
      const inputs = node.inputs.map((id) => (id === '' ? undefined : (this.#constants.get(id) ?? values.get(id))));
      this.#runNode(node, inputs).forEach((value, i) => {
        values.set(node.outputs[i], value);
      });
      for (const id of this.#endings[position]) {
        values.get(id)?.dispose();
        values.delete(id);
      }
    });
  }

  #runNode(node: Node, inputs: readonly (Value | undefined)[]): Value[] {
    const tf = this.#tf;
    const results: Value[] = [];
    try {
      tf.tidy(() => {
        const computed = KERNELS[node.op](new NodeRun(tf, this.#graph, node, inputs));
        for (const output of isList(computed) ? computed : [computed]) {
          const { tensor, layout } =
            'tensor' in output ? output : { tensor: output, layout: 'channels-first' as const };
          // A kept tensor is an input's own.
          results.push(new Value(tf, tensor.kept ? tensor.clone() : tensor, layout));
        }
      });
      return results;
    } catch (cause) {
      const detail = cause instanceof Error ? cause.message : String(cause);
      const where = `${node.op} ${node.layer ?? node.name} of graph ${this.#graph.name}`;
      throw new Error(`running ${where} failed: ${detail}`, { cause });
    }
  }
}

const isList = (computed: ReturnType<Kernel>): computed is readonly KernelResult[] => Array.isArray(computed);

/** For each node, the ids of node outputs and inputs that are read there, or made there, for the last time. */
function endings(graph: Graph): string[][] {
  const last = new Map<string, number>();
  graph.nodes.forEach((node, position) => {
    for (const id of [...node.inputs, ...node.outputs]) last.set(id, position);
  });
  for (const { value } of graph.outputs) last.delete(value);
  const ends: string[][] = graph.nodes.map(() => []);
  for (const [id, position] of last) if (id !== '' && !graph.constants.has(id)) ends[position].push(id);
  return ends;
}
