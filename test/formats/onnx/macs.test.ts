/** MACs of third-party files against a count of their own nodes, by the shapes that onnxruntime comes to. */

import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import * as ort from 'onnxruntime-node';
import { expect, test } from 'vitest';
import { graphCost } from '../../../src/graph/cost.js';
import { type Graph, getSpec } from '../../../src/graph/graph.js';
import type { Cost } from '../../../src/graph/op-spec.js';
import { allocate, elementCount, tensor } from '../../../src/graph/tensor.js';
import {
  decodeModel,
  encodeModel,
  type GraphProto,
  type NodeProto,
  ValueInfoProtoSchema,
} from '../../../src/onnx-proto/index.js';
import { describeShared } from '../../shared.js';
import { readOnnxBytes } from '../../support/onnx-files.js';
import { type NodeSketch, onnxBytes } from './onnx-models.js';

type Shapes = ReadonlyMap<string, readonly number[]>;

const flag = (node: NodeProto, name: string) => Number(node.attribute.find((a) => a.name === name)?.i ?? 0) === 1;

/** Multiply-adds of one node, for all samples that it is run with. */
const PRODUCTS: Readonly<Record<string, (node: NodeProto, shapes: Shapes) => number>> = {
  Conv: ({ input, output }, at) => elementCount(at.get(output[0])!) * elementCount(at.get(input[1])!.slice(1)),
  ConvTranspose: ({ input }, at) => elementCount(at.get(input[0])!) * elementCount(at.get(input[1])!.slice(1)),
  Gemm: (node, at) => elementCount(at.get(node.output[0])!) * at.get(node.input[0])![flag(node, 'transA') ? 0 : 1],
  MatMul: ({ input, output }, at) => elementCount(at.get(output[0])!) * at.get(input[0])!.at(-1)!,
};

/** Runs the file on zeros, in batches as it declares them or of 1, and gives the shapes of what products read and make. */
async function shapesOf(
  bytes: Uint8Array,
  graph: Graph,
): Promise<{ proto: GraphProto; shapes: Shapes; batch: number }> {
  const model = decodeModel(bytes);
  const proto = model.graph!;
  const shapes = new Map<string, readonly number[]>(proto.initializer.map((t) => [t.name, t.dims.map(Number)]));
  const feeds: Record<string, ort.Tensor> = {};
  for (const id of graph.inputs) {
    const type = proto.input.find((info) => info.name === id)!.type!.value.value as {
      shape?: { dim: { value: { value?: unknown } }[] };
    };
    const declared = Number(type.shape?.dim[0].value.value);
    const { dtype, shape } = getSpec(graph, id);
    const dims = shape.map((d) => (typeof d === 'number' ? d : declared > 0 ? declared : 1));
    feeds[id] = new ort.Tensor(dtype as 'float32', allocate(dtype, elementCount(dims)) as Float32Array, dims);
    shapes.set(id, dims);
  }
  const outputs = new Set(proto.output.map(({ name }) => name));
  for (const { opType, input, output } of proto.node) {
    for (const name of PRODUCTS[opType] ? [input[0], input[1], output[0]] : []) {
      if (shapes.has(name) || outputs.has(name)) continue;
      outputs.add(name);
      proto.output.push(create(ValueInfoProtoSchema, { name }));
    }
  }
  const session = await ort.InferenceSession.create(encodeModel(model), {
    logSeverityLevel: 4,
    graphOptimizationLevel: 'disabled',
  });
  for (const [name, { dims }] of Object.entries(await session.run(feeds))) shapes.set(name, dims);
  await session.release();
  return { proto, shapes, batch: shapes.get(graph.inputs[0])![0] };
}

/** With batches that are fixed at 1 and 2, merged with heads, windows and places, or weights that are computed. */
const CASES =
  `A1-identity-reshape A2-two-minus-ones C-as-strided-gather E-separate-qk R9-dense-3d-reshape2d hf-segformer--d
  hf-whisper--td pt-transformer--dd torch_mha torch_mha_dyn tv-convnext_tiny--d weight_standard`.split(/\s+/);

const FOLDERS: readonly [folder: string, takes: (file: string) => boolean][] = [
  ['models/onnx', () => true],
  ['goldens/mmrazor', () => true],
  ['cases', (file) => CASES.includes(basename(file, '.onnx'))],
];

/**
 * Attention in four windows of a plane and a pooled head. With `mixes`, what goes on is taken by its places in the whole
 * batch (as_strided), so that the file's own batch stays.
 */
function windows(batch: number | 'N', mixes: boolean): Uint8Array {
  const fixed = batch === 'N' ? 0 : batch;
  const many = batch === 'N' ? -1 : 4 * batch;
  const places = 256 * (batch === 'N' ? 1 : batch);
  const indices = (...values: number[]) => tensor('int64', [values.length], values);
  const weights = (...shape: number[]) => tensor('float32', shape, new Float32Array(elementCount(shape)).fill(0.1));
  const strided: NodeSketch[] = [
    ['Reshape', ['c', 'flat'], ['line']],
    ['Gather', ['line', 'places'], ['taken']],
    ['Reshape', ['taken', 'split'], ['s']],
  ];
  return onnxBytes({
    inputs: { x: [batch, 3, 8, 8] },
    outputs: { y: [batch, 5] },
    weights: {
      'c.weight': weights(4, 3, 1, 1),
      'c.bias': weights(4),
      'q.weight': weights(4, 4),
      'frames.weight': weights(4, 1, 3, 3),
      'fc.weight': weights(4, 5),
      flat: indices(-1),
      places: indices(...Array.from({ length: places }, (_, i) => i)),
      split: indices(fixed, 4, 2, 4, 2, 4),
      tokens: indices(many, 16, 4),
      planes: indices(many, 4, 4, 4),
      whole: indices(fixed === 0 ? -1 : fixed, 4, 4),
    },
    nodes: [
      ['Conv', ['x', 'c.weight', 'c.bias'], ['c']],
      ...(mixes ? strided : [['Reshape', ['c', 'split'], ['s']] as const]),
      ['Transpose', ['s'], ['t'], { perm: [0, 2, 4, 3, 5, 1] }],
      ['Reshape', ['t', 'tokens'], ['k']],
      ['MatMul', ['k', 'q.weight'], ['q']],
      ['Transpose', ['k'], ['kt'], { perm: [0, 2, 1] }],
      ['MatMul', ['q', 'kt'], ['scores']],
      ['Softmax', ['scores'], ['shares'], { axis: -1 }],
      ['MatMul', ['shares', 'k'], ['attended']],
      ['Transpose', ['attended'], ['at'], { perm: [0, 2, 1] }],
      ['Reshape', ['at', 'planes'], ['maps']],
      ['Conv', ['maps', 'frames.weight'], ['deep'], { group: 4, pads: [1, 1, 1, 1] }],
      ['GlobalAveragePool', ['deep'], ['pooled']],
      ['Reshape', ['pooled', 'whole'], ['back']],
      ['ReduceMean', ['back'], ['mean'], { axes: [1], keepdims: 0 }],
      ['MatMul', ['mean', 'fc.weight'], ['y']],
    ],
  });
}

function kindsOf(graph: Graph): Record<string, Cost> {
  const { perNode } = graphCost(graph);
  const kinds: Record<string, Cost> = {};
  for (const { op, name } of graph.nodes) {
    const [{ macs, mmrazor }, sum] = [perNode.get(name)!, kinds[op] ?? { macs: 0, mmrazor: 0 }];
    if (macs + mmrazor > 0) kinds[op] = { macs: sum.macs + macs, mmrazor: sum.mmrazor + mmrazor };
  }
  return kinds;
}

test('a file costs the same with an open batch, one of 1 and one of 4', async () => {
  const { graph: open } = await readOnnxBytes(windows('N', false));
  expect(kindsOf(open)).toMatchObject({
    MatMul: { macs: 4 * 16 * 4 * (4 + 16 + 16) + 20 },
    Conv: { macs: 768 + 9 * 256 },
  });
  for (const batch of [1, 4]) {
    for (const mixes of [false, true]) {
      const { graph } = await readOnnxBytes(windows(batch, mixes));
      if (mixes) expect(getSpec(graph, 'x').shape[0]).toBe(batch);
      expect(kindsOf(graph)).toEqual(kindsOf(open));
      expect(graphCost(graph).parameters).toBe(graphCost(open).parameters);
    }
  }
});

for (const [name, takes] of FOLDERS) {
  describeShared(`MACs of ${name}`, name, (folder) => {
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.onnx'));
    test.each(files.filter(takes))('%s', async (file) => {
      const bytes = new Uint8Array(readFileSync(join(folder, file)));
      const { graph } = await readOnnxBytes(bytes);
      const { proto, shapes, batch } = await shapesOf(bytes, graph);
      const macs = proto.node.reduce((sum, node) => sum + (PRODUCTS[node.opType]?.(node, shapes) ?? 0), 0);
      expect(graphCost(graph).macs).toBe(macs / batch);
    });
  });
}
