import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { graphCost } from '../../src/graph/cost.js';
import { evaluateGraph } from '../../src/graph/evaluate.js';
import { type Graph, getSpec } from '../../src/graph/graph.js';
import type { RefTensor } from '../../src/graph/tensor.js';
import { ChannelMutator, type RelatedChannels } from '../../src/pruning/index.js';
import { relativeError } from '../engine/agreement.js';
import { describeShared } from '../shared.js';
import { readOnnx } from '../support/onnx-files.js';

/** Where the original misses channels that can be pruned: ours has more units. */
const CONSERVATIVE = ['pixel_shuffle', 'split_chunk'];

interface GoldenUnit {
  name: string;
  num_channels: number;
  out: [string, number, number][];
  in: [string, number, number][];
}

interface GoldenTensor {
  shape: number[];
  b64: string;
}

interface GoldenLayer {
  type: string;
  weight?: number[];
}

interface Golden {
  input_shape: number[];
  layers: Record<string, GoldenLayer>;
  base: { flops: number };
  base_output: GoldenTensor[];
  total_torch_params: number;
  l1_norms: Record<string, number[]>;
  pruned: Record<
    string,
    {
      kept: Record<string, [number, number][]>;
      layers: Record<string, GoldenLayer>;
      output: GoldenTensor[];
      static: { flops: number };
      static_total_torch_params: number;
    }
  >;
}

const ranges = (related: readonly RelatedChannels[]): string[] =>
  related.map(({ name, start, end }) => `${name} ${start} ${end}`).sort();

/** The goldens' input: x.flat[i] = float32(sin(0.37 i)). */
function sines(shape: number[]): RefTensor {
  const n = shape.reduce((product, d) => product * d, 1);
  return { dtype: 'float32', shape, data: Float64Array.from({ length: n }, (_, i) => Math.fround(Math.sin(0.37 * i))) };
}

function run(graph: Graph, golden: Golden): Float64Array {
  const outputs = evaluateGraph(graph, new Map([[graph.inputs[0], sines(golden.input_shape)]]));
  return outputs.values().next().value!.data;
}

function decode({ b64 }: GoldenTensor): Float32Array {
  return new Float32Array(new Uint8Array(Buffer.from(b64, 'base64')).buffer);
}

/** Float32 results of PyTorch against float64 ones. */
function expectClose(found: Float64Array, golden: GoldenTensor): void {
  const expected = decode(golden);
  expect(found.length).toBe(expected.length);
  const scale = expected.reduce((max, v) => Math.max(max, Math.abs(v)), 0);
  for (let i = 0; i < expected.length; i++) expect(Math.abs(found[i] - expected[i])).toBeLessThan(1e-5 * scale);
}

/** The original counts modules only; in these files a function's node has no module in its name. */
function moduleFlops(graph: Graph): number {
  let flops = 0;
  for (const [name, { mmrazor }] of graphCost(graph).perNode) if (/^\/[^/]+\/./.test(name)) flops += mmrazor;
  return flops;
}

/** Products by plain counting: the weights that the original's layers have, times the places that each is applied at. */
function products(graph: Graph, layers: Readonly<Record<string, GoldenLayer>>): number {
  let macs = 0;
  for (const { layer, inputs, outputs } of graph.nodes) {
    const { type, weight } = layers[layer ?? ''] ?? {};
    if (type === undefined || !/^(Conv|Linear)/.test(type)) continue;
    const [, ...shape] = getSpec(graph, type.startsWith('ConvTranspose') ? inputs[0] : outputs[0]).shape;
    const places = type === 'Linear' ? shape.slice(0, -1) : shape.slice(1);
    macs += [...places, ...weight!].reduce<number>((product, d) => product * Number(d), 1);
  }
  return macs;
}

function trainedParameters(graph: Graph): number {
  let count = 0;
  for (const { role, tensor } of graph.constants.values()) if (role === 'parameter') count += tensor.data.length;
  return count;
}

/** Convolutions and dense layers by unit, named by their module whether their weights kept their names or not. */
function structure(mutator: ChannelMutator): string[] {
  const modules = (related: readonly RelatedChannels[]): string[] =>
    related
      .filter(({ node }) => node.op !== 'BatchNormalization')
      .map(({ name, start, end }) => `${name.replace(/^\/(.*\/)?([^/]+)\/(Conv|Gemm)$/, '$2')} ${start} ${end}`)
      .sort();
  return mutator.mutableUnits
    .map(({ channelUnit: { numChannels, outputRelated, inputRelated } }) =>
      JSON.stringify([numChannels, modules(outputRelated), modules(inputRelated)]),
    )
    .sort();
}

describeShared('the original, on its toys', 'goldens/mmrazor', (folder) => {
  const canonical = JSON.parse(readFileSync(join(folder, 'canonical_units.json'), 'utf8'));

  const toys = Object.keys(canonical);

  test('every toy has a verdict that is looked at here', () => {
    const others = toys.filter((name) => canonical[name].verdict !== 'exact');
    expect(others.sort()).toEqual(CONSERVATIVE);
  });

  describe.each(toys.filter((name) => !CONSERVATIVE.includes(name)))('%s', (name) => {
    const golden: Golden = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
    const mutator = new ChannelMutator();
    let graph: Graph;
    beforeAll(async () => {
      graph = (await readOnnx(join(folder, `${name}.onnx`))).graph;
      mutator.prepareFromSupernet(graph);
    });
    const units: GoldenUnit[] = canonical[name].fx;

    test('the same units', () => {
      const found = mutator.mutableUnits.map(({ channelUnit }) => ({
        name: channelUnit.name,
        num_channels: channelUnit.numChannels,
        out: ranges(channelUnit.outputRelated),
        in: ranges(channelUnit.inputRelated),
      }));
      const expected = units.map((unit) => ({
        ...unit,
        out: unit.out.map((entry) => entry.join(' ')).sort(),
        in: unit.in.map((entry) => entry.join(' ')).sort(),
      }));
      const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
      expect(found.sort(byName)).toEqual(expected.sort(byName));
    });

    test('the same importances', () => {
      for (const unit of mutator.mutableUnits) {
        const importance = unit.importance(mutator.importanceSource)!;
        const expected = golden.l1_norms[unit.name];
        expect(importance.length).toBe(expected.length);
        for (let c = 0; c < expected.length; c++) expect(importance[c]).toBeCloseTo(expected[c], 6);
      }
    });

    test('the same output and cost unpruned', () => {
      expectClose(run(graph, golden), golden.base_output[0]);
      expect(moduleFlops(graph)).toBe(golden.base.flops);
      expect(graphCost(graph).macs).toBe(products(graph, golden.layers));
      expect(trainedParameters(graph)).toBe(golden.total_torch_params);
    });

    test.each(Object.keys(golden.pruned))('the same channels, output and cost at a ratio of %s', (ratio) => {
      const expected = golden.pruned[ratio];
      mutator.setChoices(Object.fromEntries(mutator.mutableUnits.map((unit) => [unit.name, Number(ratio)])));
      for (const unit of mutator.mutableUnits) {
        const kept = expected.kept[unit.name].flatMap(([start, end]) =>
          Array.from({ length: end - start }, (_, i) => start + i),
        );
        expect([...unit.keptIndices], unit.name).toEqual(kept);
      }
      const { graph: pruned } = mutator.exportSubnet();
      expectClose(run(pruned, golden), expected.output[0]);
      expect(moduleFlops(pruned)).toBe(expected.static.flops);
      expect(graphCost(pruned).macs).toBe(products(graph, expected.layers));
      expect(trainedParameters(pruned)).toBe(expected.static_total_torch_params);
    });

    test('the same units where batch norms are folded in, and the same output', async () => {
      const fused = (await readOnnx(join(folder, `${name}.fused.onnx`))).graph;
      expectClose(run(fused, golden), golden.base_output[0]);
      const other = new ChannelMutator();
      other.prepareFromSupernet(fused);
      expect(structure(other)).toEqual(structure(mutator));
    });
  });

  describe.each(CONSERVATIVE)('%s', (name) => {
    const golden: Golden = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
    const mutator = new ChannelMutator();
    beforeAll(async () => mutator.prepareFromSupernet((await readOnnx(join(folder, `${name}.onnx`))).graph));

    test('has the units of the original, and more', () => {
      const found = mutator.mutableUnits.map((unit) => unit.name);
      const expected = canonical[name].fx.map((unit: GoldenUnit) => unit.name);
      expect(found).toEqual(expect.arrayContaining(expected));
      expect(found.length).toBeGreaterThan(expected.length);
    });

    test('the same output where the original prunes, and exact where it does not', () => {
      const expected = golden.pruned['0.5'];
      mutator.setChoices(Object.fromEntries(Object.keys(expected.kept).map((unit) => [unit, 0.5])));
      expectClose(run(mutator.exportSubnet().graph, golden), expected.output[0]);
      for (const ratio of [0.5, 0.3, 0.75]) {
        mutator.setChoices(Object.fromEntries(mutator.mutableUnits.map((unit) => [unit.name, ratio])));
        const masked = run(mutator.maskedGraph(), golden);
        const pruned = run(mutator.exportSubnet().graph, golden);
        expect(relativeError(pruned, masked)).toBeLessThan(1e-5);
      }
    });
  });

  test.each(toys)('%s, as the original exported it pruned, computes what it did there', async (name) => {
    const golden: Golden = JSON.parse(readFileSync(join(folder, `${name}.json`), 'utf8'));
    const { graph } = await readOnnx(join(folder, `${name}.pruned50.onnx`));
    expectClose(run(graph, golden), golden.pruned['0.5'].output[0]);
  });
});
