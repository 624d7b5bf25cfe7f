/**
 * Damaged and malicious ONNX files: whatever is done to a file, it is read, or refused with a coded error, quickly and
 * without filling the memory. `ESPALIER_MUTATIONS` says how many files are tried, `ESPALIER_MUTATION_SEED` which.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { EspalierError } from '../../../src/errors.js';
import { graphCost } from '../../../src/graph/cost.js';
import { verify } from '../../../src/graph/verify.js';
import { type AttributeProto, decodeModel, encodeModel, type ModelProto } from '../../../src/onnx-proto/index.js';
import { ChannelMutator } from '../../../src/pruning/index.js';
import { describeShared, SHARED } from '../../shared.js';
import { readOnnxBytes } from '../../support/onnx-files.js';
import { seededRandom } from '../../support/seeded-random.js';

const COUNT = Number(process.env.ESPALIER_MUTATIONS ?? 100);
const SEED = Number(process.env.ESPALIER_MUTATION_SEED ?? 1);
const MOST_MS = 2000;
const MOST_MEBIBYTES = 512;

class Dice {
  readonly #random: () => number;
  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }
  int(below: number): number {
    return Math.floor(this.#random() * below);
  }
  pick<T>(list: readonly T[]): T {
    return list[this.int(list.length)];
  }
}

const ODD_NUMBERS = [0n, -1n, 1n, 2n, 3n, 7n, 64n, 65_536n, 2n ** 31n, 2n ** 40n, 2n ** 53n, 2n ** 62n, -(2n ** 63n)];

type Mutation = (bytes: Uint8Array, dice: Dice) => Uint8Array;

/** Changes the decoded model, where there is what it changes. */
const inModel =
  (change: (model: ModelProto, dice: Dice) => void): Mutation =>
  (bytes, dice) => {
    const model = decodeModel(bytes);
    change(model, dice);
    return encodeModel(model);
  };

const anyNode = (model: ModelProto, dice: Dice) => dice.pick(model.graph!.node);

function oddAttribute(attribute: AttributeProto, dice: Dice): void {
  attribute.i = dice.pick(ODD_NUMBERS);
  attribute.f = dice.pick([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 1e30]);
  if (attribute.ints.length > 0) attribute.ints[dice.int(attribute.ints.length)] = dice.pick(ODD_NUMBERS);
  if (dice.int(4) === 0) attribute.ints = attribute.ints.slice(1);
}

const MUTATIONS: Readonly<Record<string, Mutation>> = {
  'a bit': (bytes, dice) => bytes.map((b, at) => (at === spot(bytes, dice) ? b ^ (1 << dice.int(8)) : b)),
  'some bytes': (bytes, dice) => {
    const out = bytes.slice();
    for (let i = 0; i < 1 + dice.int(20); i++) out[dice.int(out.length)] = dice.int(256);
    return out;
  },
  'bytes of the structure': (bytes, dice) => {
    // Tensors are mostly data; the structure stands at the beginning and the end.
    const out = bytes.slice();
    const reach = Math.min(400, out.length);
    for (let i = 0; i < 1 + dice.int(4); i++) {
      const at = dice.int(reach);
      out[dice.int(2) ? at : out.length - 1 - at] = dice.int(256);
    }
    return out;
  },
  'the end cut off': (bytes, dice) => bytes.slice(0, dice.int(bytes.length)),
  'a part left out': (bytes, dice) => {
    const at = dice.int(bytes.length);
    const length = dice.int(40);
    return Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + length)]);
  },
  'an attribute': inModel((model, dice) => {
    const { attribute } = anyNode(model, dice);
    if (attribute.length > 0) oddAttribute(dice.pick(attribute), dice);
  }),
  'an attribute left out': inModel((model, dice) => {
    const node = anyNode(model, dice);
    node.attribute = node.attribute.slice(1);
  }),
  'an input renamed': inModel((model, dice) => {
    const node = anyNode(model, dice);
    const other = anyNode(model, dice);
    node.input[dice.int(node.input.length + 1)] = dice.pick(['', 'nothing', other.output[0], other.input[0] ?? '']);
  }),
  'an output renamed': inModel((model, dice) => {
    anyNode(model, dice).output[0] = dice.pick(['', anyNode(model, dice).output[0]]);
  }),
  'another operator': inModel((model, dice) => {
    const node = anyNode(model, dice);
    node.opType = dice.pick([
      'Conv',
      'Reshape',
      'constructor',
      '__proto__',
      'If',
      'Split',
      'Gemm',
      'ConstantOfShape',
      '',
    ]);
    node.domain = dice.pick(['', '', '', 'com.example', 'ai.onnx']);
  }),
  'extents of a tensor': inModel((model, dice) => {
    const { initializer } = model.graph!;
    if (initializer.length === 0) return;
    const { dims } = dice.pick(initializer);
    if (dims.length > 0) dims[dice.int(dims.length)] = dice.pick(ODD_NUMBERS);
    else dims.push(dice.pick(ODD_NUMBERS));
  }),
  'numbers of a shape': inModel((model, dice) => {
    const small = model.graph!.initializer.filter((t) => t.dataType === 7 && t.rawData.length >= 8);
    const tensors = [...small, ...model.graph!.node.flatMap((n) => n.attribute.flatMap((a) => (a.t ? [a.t] : [])))];
    if (tensors.length === 0) return;
    const t = dice.pick(tensors);
    if (t.rawData.length < 8) return;
    const raw = t.rawData.slice();
    new DataView(raw.buffer).setBigInt64(8 * dice.int(raw.length >> 3), dice.pick(ODD_NUMBERS), true);
    t.rawData = raw;
  }),
  'the type of a tensor': inModel((model, dice) => {
    const { initializer } = model.graph!;
    if (initializer.length > 0) dice.pick(initializer).dataType = dice.int(30);
  }),
  'an input of the model': inModel((model, dice) => {
    if (model.graph!.input.length === 0) return;
    const { value } = dice.pick(model.graph!.input).type!;
    if (value.case !== 'tensorType') return;
    const dims = value.value.shape?.dim ?? [];
    if (dims.length > 0) {
      dims[dice.int(dims.length)].value = dice.pick([
        { case: 'dimValue', value: dice.pick(ODD_NUMBERS) },
        { case: 'dimParam', value: dice.pick(['N', '', '3*N', 'a b']) },
      ] as const);
    }
    if (dice.int(4) === 0) value.value.elemType = dice.int(20);
    if (dice.int(8) === 0) value.value.shape = undefined;
  }),
  'nodes in another order': inModel((model) => {
    model.graph!.node.reverse();
  }),
  'an output of the model': inModel((model, dice) => {
    const { input, output } = model.graph!;
    dice.pick(output).name = dice.pick(['', 'nothing', input[0]?.name ?? 'x']);
  }),
  'the version of the operators': inModel((model, dice) => {
    model.opsetImport[0].version = dice.pick([...ODD_NUMBERS, 9n, 11n, 18n, 22n]);
  }),
};

const spots = new WeakMap<Dice, number>();
function spot(bytes: Uint8Array, dice: Dice): number {
  const known = spots.get(dice);
  if (known !== undefined) return known;
  const at = dice.int(bytes.length);
  spots.set(dice, at);
  return at;
}

/** Small models of all kinds. */
function baseFiles(): string[] {
  const goldens = join(SHARED, 'goldens/mmrazor');
  const converted = join(SHARED, 'conformance/onnx/pytorch-converted');
  const node = join(SHARED, 'conformance/onnx/node');
  const files = [
    ...readdirSync(goldens)
      .filter((f) => f.endsWith('.onnx'))
      .map((f) => join(goldens, f)),
    ...readdirSync(converted).map((f) => join(converted, f, 'model.onnx')),
    ...readdirSync(node).map((f) => join(node, f, 'model.onnx')),
    join(SHARED, 'models/onnx/ort-mnist-cntk/mnist.onnx'),
    join(SHARED, 'conformance/onnx/light/light_squeezenet.onnx'),
  ];
  return files.filter((file) => statSync(file).size < 120_000);
}

/** What reading, and looking for units, comes to: nothing, or a coded error. Anything else is thrown. */
async function attempt(bytes: Uint8Array): Promise<EspalierError | undefined> {
  try {
    const model = await readOnnxBytes(bytes);
    verify(model.graph);
    graphCost(model.graph);
    const mutator = new ChannelMutator();
    mutator.prepareFromSupernet(model.graph);
    await model.write(mutator.exportSubnet().graph);
    return undefined;
  } catch (error) {
    if (error instanceof EspalierError && error.code !== 'INTERNAL') return error;
    throw error;
  }
}

describeShared(`${COUNT} damaged ONNX files, seed ${SEED}`, 'conformance/onnx', () => {
  const files = baseFiles();
  const kinds = Object.keys(MUTATIONS);
  const numbers = Array.from({ length: COUNT }, (_, i) => i);

  describe.each(kinds)('%s is changed', (kind) => {
    test('is read or refused, in time and memory', async () => {
      const faults: string[] = [];
      for (const i of numbers.filter((n) => kinds[n % kinds.length] === kind)) {
        const dice = new Dice(SEED * 1_000_003 + i);
        const file = dice.pick(files);
        const bytes = MUTATIONS[kind](new Uint8Array(readFileSync(file)), dice);
        const before = process.memoryUsage().rss;
        const start = performance.now();
        const fault = await attempt(bytes).then(
          () => undefined,
          (error: unknown) => (error instanceof Error ? (error.stack ?? error.message) : String(error)),
        );
        const ms = performance.now() - start;
        const mebibytes = (process.memoryUsage().rss - before) / 1024 ** 2;
        const label = `number ${i}, ${file}`;
        if (fault) faults.push(`${label}: ${fault}`);
        if (ms > MOST_MS) faults.push(`${label}: took ${ms} ms`);
        if (mebibytes > MOST_MEBIBYTES) faults.push(`${label}: took ${mebibytes} MiB`);
      }
      expect(faults).toEqual([]);
    });
  });
});
