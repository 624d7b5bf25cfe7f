import type { Attrs, Constant, ConstantRole, Graph, GraphOutput, Node, TensorSpec } from './graph.js';
import { inferNode } from './infer.js';
import type { Tensor } from './tensor.js';

/**
 * Builds a graph node by node, inferring shapes as it goes.
 * @example
 * const b = new GraphBuilder('tiny');
 * const x = b.input('x', { dtype: 'float32', shape: ['N', 3, 8, 8] });
 * const w = b.constant('w', tensor('float32', [4, 3, 3, 3], weights), 'parameter');
 * const y = b.op('Conv', [x, w], { pads: [1, 1, 1, 1] }, { name: 'conv', layer: 'conv' });
 * b.output('y', y);
 * const graph = b.build();
 */
export class GraphBuilder {
  readonly name: string;
  readonly #inputs: string[] = [];
  readonly #outputs: GraphOutput[] = [];
  readonly #nodes: Node[] = [];
  readonly #values = new Map<string, TensorSpec>();
  readonly #constants = new Map<string, Constant>();
  readonly #names = new Set<string>();

  constructor(name: string) {
    this.name = name;
  }

  input(id: string, spec: TensorSpec): string {
    this.#define(id, spec);
    this.#inputs.push(id);
    return id;
  }

  constant(id: string, tensor: Tensor, role: ConstantRole, source?: string, frozen = false): string {
    const unique = this.#values.has(id) ? this.uniqueName(id) : id;
    this.#define(unique, { dtype: tensor.dtype, shape: tensor.shape });
    const named = source === undefined ? { tensor, role } : { tensor, role, source };
    this.#constants.set(unique, frozen ? { ...named, frozen } : named);
    return unique;
  }

  /** Adds a node with one output and returns that output's id. */
  op(op: string, inputs: readonly string[], attrs: Attrs = {}, where: { name?: string; layer?: string } = {}): string {
    return this.ops(op, inputs, attrs, { ...where, outputs: 1 })[0];
  }

  /** Adds a node with several outputs and returns their ids. */
  ops(
    op: string,
    inputs: readonly string[],
    attrs: Attrs,
    where: { name?: string; layer?: string; outputs: number },
  ): string[] {
    const name = this.uniqueName(where.name ?? (where.layer ? `${where.layer}/${op}` : op));
    const outputs = Array.from({ length: where.outputs }, (_, i) =>
      this.uniqueName(i === 0 ? `${name}:0` : `${name}:${i}`),
    );
    const node: Node = {
      name,
      op,
      attrs,
      inputs,
      outputs,
      ...(where.layer === undefined ? {} : { layer: where.layer }),
    };
    const specs = inferNode(node, { values: this.#values, constants: this.#constants });
    outputs.forEach((id, i) => {
      this.#values.set(id, specs[i]);
    });
    this.#nodes.push(node);
    return outputs;
  }

  output(name: string, value: string): void {
    this.spec(value);
    this.#outputs.push({ name, value });
  }

  spec(value: string): TensorSpec {
    const spec = this.#values.get(value);
    if (!spec) throw new Error(`graph ${this.name} has no value ${value}`);
    return spec;
  }

  /** A name that no node and no value has yet; `base` itself when it is free. */
  uniqueName(base: string): string {
    let name = base;
    for (let i = 1; this.#names.has(name) || this.#values.has(name); i++) name = `${base}_${i}`;
    this.#names.add(name);
    return name;
  }

  build(): Graph {
    return {
      name: this.name,
      inputs: this.#inputs,
      outputs: this.#outputs,
      nodes: this.#nodes,
      values: this.#values,
      constants: this.#constants,
    };
  }

  #define(id: string, spec: TensorSpec): void {
    if (this.#values.has(id)) throw new Error(`graph ${this.name} has a value ${id} already`);
    this.#names.add(id);
    this.#values.set(id, spec);
  }
}
