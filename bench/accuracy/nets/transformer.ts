import { GraphBuilder } from '../../../src/graph/builder.js';
import type { Graph } from '../../../src/graph/graph.js';
import { elementCount, tensor } from '../../../src/graph/tensor.js';

const CLASSES = 10;
const IMAGE = 32;
const PATCH = 4;
const TOKENS = (IMAGE / PATCH) ** 2;
const WIDTH = 96;
const HEADS = 4;
const HEAD_WIDTH = WIDTH / HEADS;
const HIDDEN = 4 * WIDTH;
const BLOCKS = 4;
/** Of weights at the start (Dosovitskiy et al., 2021). */
const DEVIATION = 0.02;

/** Fixed sines and cosines of rows and columns, a quarter of the width each (Beyer et al., 2022). */
function positions(): Float32Array {
  const quarter = WIDTH / 4;
  const side = IMAGE / PATCH;
  return Float32Array.from({ length: TOKENS * WIDTH }, (_, i) => {
    const [token, channel] = [Math.floor(i / WIDTH), i % WIDTH];
    const place = channel < 2 * quarter ? Math.floor(token / side) : token % side;
    const angle = place / 10_000 ** ((channel % quarter) / (quarter - 1));
    return Math.floor(channel / quarter) % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
}

/** Builds a vision transformer's parts on tokens of shape [N, TOKENS, WIDTH]. */
class TransformerBuilder {
  readonly #b = new GraphBuilder('transformer');
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Patches of the image, each as a token, and where it stands. */
  tokens(): string {
    const b = this.#b;
    const image = b.input('image', { dtype: 'float32', shape: ['N', 3, IMAGE, IMAGE] });
    const weight = this.#weight('patches.weight', [WIDTH, 3, PATCH, PATCH], 1 / Math.sqrt(3 * PATCH ** 2));
    const attrs = { kernel_shape: [PATCH, PATCH], strides: [PATCH, PATCH] };
    const patches = b.op('Conv', [image, weight, this.#filled('patches.bias', [WIDTH], 0)], attrs, { name: 'patches' });
    const rows = b.op('Transpose', [this.#reshape(patches, 0, WIDTH, TOKENS)], { perm: [0, 2, 1] });
    return this.#add(rows, b.constant('positions', tensor('float32', [1, TOKENS, WIDTH], positions()), 'literal'));
  }

  /** Attention, then two dense layers, each on the normed sum so far. */
  block(x: string, name: string): string {
    const attended = this.#add(x, this.#attention(this.#norm(x, `${name}.norm1`), `${name}.attention`));
    const hidden = this.#dense(this.#norm(attended, `${name}.norm2`), `${name}.fc1`, WIDTH, HIDDEN);
    return this.#add(attended, this.#dense(this.#b.op('Gelu', [hidden]), `${name}.fc2`, HIDDEN, WIDTH));
  }

  /** Of the mean of the tokens. */
  scores(x: string): Graph {
    const b = this.#b;
    const pooled = b.op('ReduceMean', [this.#norm(x, 'norm')], { axes: [1], keepdims: 0 });
    const weight = this.#weight('head.weight', [CLASSES, WIDTH], DEVIATION);
    const logits = b.op(
      'Gemm',
      [pooled, weight, this.#filled('head.bias', [CLASSES], 0)],
      { transB: 1 },
      { name: 'head' },
    );
    b.output('logits', logits);
    return b.build();
  }

  #attention(x: string, name: string): string {
    const b = this.#b;
    const heads = (part: string, ...perm: number[]): string => {
      const rows = this.#dense(x, `${name}.${part}`, WIDTH, WIDTH);
      return b.op('Transpose', [this.#reshape(rows, 0, TOKENS, HEADS, HEAD_WIDTH)], { perm });
    };
    const scale = b.constant('scale', tensor('float32', [], Float32Array.of(1 / Math.sqrt(HEAD_WIDTH))), 'literal');
    const products = b.op('MatMul', [heads('q', 0, 2, 1, 3), heads('k', 0, 2, 3, 1)]);
    const shares = b.op('Softmax', [b.op('Mul', [products, scale])], { axis: -1 });
    const mixed = b.op('Transpose', [b.op('MatMul', [shares, heads('v', 0, 2, 1, 3)])], { perm: [0, 2, 1, 3] });
    return this.#dense(this.#reshape(mixed, 0, TOKENS, -1), `${name}.out`, WIDTH, WIDTH);
  }

  #dense(x: string, name: string, inputs: number, outputs: number): string {
    const weight = this.#weight(`${name}.weight`, [inputs, outputs], DEVIATION * Math.sqrt(HIDDEN / inputs));
    const product = this.#b.op('MatMul', [x, weight], {}, { name });
    return this.#add(product, this.#filled(`${name}.bias`, [outputs], 0));
  }

  #norm(x: string, name: string): string {
    const weights = [this.#filled(`${name}.weight`, [WIDTH], 1), this.#filled(`${name}.bias`, [WIDTH], 0)];
    return this.#b.op('LayerNormalization', [x, ...weights], { axis: -1 }, { name });
  }

  #add = (a: string, b: string): string => this.#b.op('Add', [a, b]);
  #reshape = (x: string, ...shape: number[]): string => this.#b.op('Reshape', [x], { shape });

  #weight(id: string, shape: number[], deviation: number): string {
    const random = this.#random;
    const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    const values = Float32Array.from({ length: elementCount(shape) }, () => deviation * normal());
    return this.#b.constant(id, tensor('float32', shape, values), 'parameter');
  }

  #filled(id: string, shape: number[], value: number): string {
    return this.#b.constant(
      id,
      tensor('float32', shape, new Float32Array(elementCount(shape)).fill(value)),
      'parameter',
    );
  }
}

/** A small vision transformer (Dosovitskiy et al., 2021) with mean pooling, on values from 0 to 1; gives logits. */
export function transformer(random: () => number): Graph {
  const b = new TransformerBuilder(random);
  let x = b.tokens();
  for (let i = 0; i < BLOCKS; i++) x = b.block(x, `block${i}`);
  return b.scores(x);
}
