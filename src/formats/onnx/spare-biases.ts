import type { GraphBuilder } from '../../graph/builder.js';
import { tensor } from '../../graph/tensor.js';

/** A bias of zeros that the graph has, and the file not. */
export interface SpareBias {
  readonly id: string;
  /** The file's name of the weights that stand beside it. */
  readonly weights: string;
  /** Indices of the nodes in the file that it is for. */
  readonly nodes: number[];
}

/** The biases of layers that have none: nodes of one operator that make as many outputs of the same weights share their bias. */
export class SpareBiases {
  readonly #builder: GraphBuilder;
  readonly #bySharers = new Map<string, SpareBias>();

  constructor(builder: GraphBuilder) {
    this.#builder = builder;
  }

  get all(): readonly SpareBias[] {
    return [...this.#bySharers.values()];
  }

  /** The bias `[outputs]` of a node. @param weights their name in the file @param node its index in the file */
  get(opType: string, weights: string, node: number, outputs: number): string {
    const sharers = `${opType} ${outputs} ${weights}`;
    const found = this.#bySharers.get(sharers);
    if (found) {
      found.nodes.push(node);
      return found.id;
    }
    const zeros = tensor('float32', [outputs], new Float32Array(outputs));
    const id = this.#builder.constant(biasName(weights), zeros, 'spare');
    this.#bySharers.set(sharers, { id, weights, nodes: [node] });
    return id;
  }
}

/** As exporters name a bias beside such weights: `conv.weight` has `conv.bias`. */
function biasName(weights: string): string {
  const named = weights.replace(/(weight|kernel)(?=[^/.]*$)/, 'bias');
  return named === weights ? `${weights}_bias` : named;
}
