import { GraphBuilder } from '../graph/builder.js';
import { dimProduct } from '../graph/dims.js';
import type { Attrs, Graph, Node, Shape, TensorSpec } from '../graph/graph.js';
import { scalar } from '../graph/tensor.js';
import { notTrainable } from './not-trainable.js';

/** The batch as a step graph knows it: its dimension, and the scalar float32 value that holds how many samples it has. */
export interface Batch {
  readonly dim: Shape[number];
  readonly samples: string;
}

/** A graph builder that merges equal nodes and names what it adds after the layer that it is about. */
export class StepBuilder {
  readonly #graph: GraphBuilder;
  readonly #known = new Map<string, readonly string[]>();
  #scope: { readonly prefix: string; readonly layer?: string } = { prefix: '' };

  constructor(name: string) {
    this.#graph = new GraphBuilder(name);
  }

  /** From now on nodes are named `prefix/…/op` and remember the node's layer. */
  enter(prefix: string, node?: Node): void {
    this.#scope = node
      ? { prefix: `${prefix}/${node.name}/`, ...(node.layer === undefined ? {} : { layer: node.layer }) }
      : { prefix: `${prefix}/` };
  }

  input(name: string, spec: TensorSpec): string {
    return this.#graph.input(this.#graph.uniqueName(name), spec);
  }

  /** An input of the model, whose id is kept. Called before any other value is defined. */
  modelInput(id: string, spec: TensorSpec): string {
    return this.#graph.input(id, spec);
  }

  /** Names a value as an output; returns the name it got. */
  output(name: string, value: string): string {
    const unique = this.#graph.uniqueName(name);
    this.#graph.output(unique, value);
    return unique;
  }

  constant: GraphBuilder['constant'] = (...args) => this.#graph.constant(...args);

  /** A literal scalar of the dtype of `like`, one for each number. */
  scalar(value: number, like: string): string {
    const { dtype } = this.spec(like);
    const make = () => [this.#graph.constant(`${dtype}(${value})`, scalar(dtype, value), 'literal')];
    return this.#once(`${dtype} ${value}`, make)[0];
  }

  /** Adds a node with one output, or finds the one that is there already; returns the output's id. */
  op(op: string, inputs: readonly string[], attrs: Attrs = {}): string {
    return this.ops(op, inputs, 1, attrs)[0];
  }

  /** The same for a node with several outputs. */
  ops(op: string, inputs: readonly string[], outputs: number, attrs: Attrs = {}): string[] {
    const { prefix, layer } = this.#scope;
    const where = { name: `${prefix}${op}`, outputs, ...(layer === undefined ? {} : { layer }) };
    return [...this.#once(JSON.stringify([op, inputs, attrs]), () => this.#graph.ops(op, inputs, attrs, where))];
  }

  /** Copies a node of the model, reading `inputs`; returns it as it stands in this graph. */
  copy(node: Node, inputs: readonly string[]): Node {
    const where = { name: node.name, outputs: node.outputs.length, ...(node.layer ? { layer: node.layer } : {}) };
    return { ...node, inputs, outputs: this.#graph.ops(node.op, inputs, node.attrs, where) };
  }

  spec(value: string): TensorSpec {
    return this.#graph.spec(value);
  }

  shape(value: string): Shape {
    return this.#graph.spec(value).shape;
  }

  /** What the batch is; {@link count} needs it. */
  batch?: Batch;

  /**
   * How many elements the given axes of a value span, as a scalar. The batch counts with its size at run time.
   * @throws EspalierError NOT_TRAINABLE for another extent that is not known.
   */
  count(node: Node, value: string, axes: readonly number[]): string {
    const shape = this.shape(value);
    const { coefficient, symbols } = dimProduct(axes.map((axis) => shape[axis]));
    const known = this.scalar(coefficient, value);
    if (symbols.length === 0) return known;
    if (symbols.length > 1 || symbols[0] !== this.batch?.dim) {
      throw notTrainable(node, `the extents of [${shape}] must be known but for the batch`);
    }
    return this.op('Mul', [this.batch.samples, known]);
  }

  build(): Graph {
    return this.#graph.build();
  }

  #once(key: string, make: () => readonly string[]): readonly string[] {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const made = make();
    this.#known.set(key, made);
    return made;
  }
}
