import { EspalierError } from '../../errors.js';
import {
  type AttributeProto,
  type NodeProto,
  type TensorProto,
  AttributeProto_AttributeType as Type,
} from '../../onnx-proto/index.js';

/** What stands for "to the end" in files: far outside of every extent, and exact as a number. */
const FARTHEST = 2 ** 53 - 1;

/** A 64-bit number as a JavaScript one; the huge ones that mean "to the end" become the largest exact one. */
export function wholeNumber(value: bigint): number {
  if (value > BigInt(FARTHEST)) return FARTHEST;
  if (value < BigInt(-FARTHEST)) return -FARTHEST;
  return Number(value);
}

const utf8 = new TextDecoder();

/** Reads a node's attributes. @throws EspalierError LAYER_INVALID, naming node and attribute, for one of another type */
export class NodeAttributes {
  readonly #label: string;
  readonly #byName: ReadonlyMap<string, AttributeProto>;

  constructor(node: NodeProto, label: string) {
    this.#label = label;
    this.#byName = new Map(node.attribute.map((attribute) => [attribute.name, attribute]));
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  get hasSubgraph(): boolean {
    return [...this.#byName.values()].some(({ g, graphs }) => g !== undefined || graphs.length > 0);
  }

  int(name: string): number | undefined {
    const found = this.#find(name, Type.INT);
    return found && wholeNumber(found.i);
  }

  ints(name: string): number[] | undefined {
    return this.#find(name, Type.INTS)?.ints.map(wholeNumber);
  }

  float(name: string): number | undefined {
    return this.#find(name, Type.FLOAT)?.f;
  }

  floats(name: string): number[] | undefined {
    return this.#find(name, Type.FLOATS)?.floats;
  }

  string(name: string): string | undefined {
    const found = this.#find(name, Type.STRING);
    return found && utf8.decode(found.s);
  }

  tensor(name: string): TensorProto | undefined {
    return this.#find(name, Type.TENSOR)?.t;
  }

  #find(name: string, type: Type): AttributeProto | undefined {
    const found = this.#byName.get(name);
    // Old files leave the type out.
    if (!found || found.type === type || found.type === Type.UNDEFINED) return found;
    const is = Type[found.type] ?? found.type;
    throw new EspalierError('LAYER_INVALID', `${this.#label}: attribute ${name} must be ${Type[type]}, is ${is}`);
  }
}
