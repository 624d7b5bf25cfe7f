import { expect, test } from 'vitest';
import { type Engine, openEngine } from '../../src/engine/index.js';
import type { Graph } from '../../src/graph/graph.js';
import { replaceConstants } from '../../src/graph/passes/replace-constants.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { ChannelMutator } from '../../src/pruning/index.js';
import { compensate } from '../../src/recovery/compensation.js';
import { readUnits } from '../../src/recovery/index.js';
import { CPU_ENGINE } from '../engine/cpu-engine.js';
import { GraphSketch } from '../support/graph-sketch.js';
import { blocksOf, divergenceOf } from '../support/recovery-networks.js';

const engine: Engine = await openEngine({ engine: CPU_ENGINE, threads: 1, notice: () => {} });

/** Channel 2c + 1 of the first layer is a mix of channel 2c and a constant, before any activation. */
function redundant(reader: (sketch: GraphSketch, x: string) => string): Graph {
  const sketch = new GraphSketch('redundant');
  const x = sketch.conv('a', sketch.input('x', 3, 8, 8), 8);
  const { constants } = sketch.builder.build();
  const [weight, bias] = ['a.weight', 'a.bias'].map((id) => constants.get(id)!.tensor.data as Float32Array);
  const size = weight.length / 8;
  for (let o = 1; o < 8; o += 2) {
    for (let i = 0; i < size; i++) weight[o * size + i] = -0.6 * weight[(o - 1) * size + i];
    bias[o] = 0.3 * o;
  }
  return sketch.build(sketch.dense('head', sketch.globalPool(sketch.relu(reader(sketch, x))), 4));
}

const READERS: Readonly<Record<string, (sketch: GraphSketch, x: string) => string>> = {
  'a convolution': (s, x) => s.conv('b', x, 6, { pad: 0 }),
  'a convolution and a batch norm': (s, x) => s.batchNorm('n', s.conv('b', x, 6, { pad: 0, bias: false })),
  'two convolutions': (s, x) => s.op('Add', [s.conv('b', x, 6, { pad: 0 }), s.conv('c', x, 6, { pad: 0 })]),
  'channels in groups': (s, x) => s.conv('b', x, 8, { pad: 0, group: 2 }),
  'channels twice': (s, x) => s.conv('b', s.op('Concat', [x, s.relu(x)], { axis: 1 }), 6, { pad: 0 }),
};

/** What is read of the first layer's unit. */
async function read(kind: string) {
  const graph = redundant(READERS[kind]);
  const mutator = new ChannelMutator();
  mutator.prepareFromSupernet(graph);
  const unit = mutator.mutableUnits.find(({ name }) => name.startsWith('a_'))!;
  const blocks = blocksOf(graph, 5, 4, 16);
  const readers = unit.channelUnit.inputRelated.filter(({ passThrough }) => !passThrough);
  const { name, numChannels } = unit;
  const readings = (await readUnits(graph, [{ name, numChannels, readers }], blocks, { engine })).get(name)!;
  return { graph, mutator, name, numChannels, readings };
}

test.each(Object.keys(READERS))('channels that others tell are made up for: %s', async (kind) => {
  const { graph, mutator, name, numChannels, readings } = await read(kind);
  const mask = Uint8Array.from({ length: numChannels }, (_, c) => 1 - (c % 2));
  mutator.restoreState({ [name]: [...mask] });
  const subnet = mutator.exportSubnet();
  const full = new Map<string, Tensor>();
  for (const reading of readings) {
    const current = (id: string): Tensor => full.get(id) ?? graph.constants.get(id)!.tensor;
    for (const [id, tensor] of compensate(reading, mask, current)) full.set(id, tensor);
  }
  const compensated = replaceConstants(subnet.graph, subnet.sliceTensors(full));
  const judging = blocksOf(graph, 50, 1, 32);
  const [raw, found] = [
    await divergenceOf(graph, subnet.graph, judging, engine),
    await divergenceOf(graph, compensated, judging, engine),
  ];
  // Behind a rectifier, channels are no mix of each other any more: the best there is, is left.
  expect(found).toBeLessThan((kind === 'channels twice' ? 0.6 : 1e-3) * raw);
});

test('what had gone before is not stood for, whatever weights are left there', async () => {
  const { graph, mutator, name, numChannels, readings } = await read('a convolution');
  const [reading] = readings;
  // Channels 0 and 1 are gone; 3 goes, which 2 tells.
  const before = Uint8Array.from({ length: numChannels }, (_, c) => (c < 2 ? 0 : 1));
  const mask = before.map((kept, c) => (c === 3 ? 0 : kept));
  const weight = graph.constants.get('b.weight')!.tensor;
  const left = { ...weight, data: weight.data.slice() as Float32Array };
  const taps = left.data.length / (6 * numChannels);
  left.data.forEach((_, i) => {
    if (Math.floor(i / taps) % numChannels < 2) left.data[i] = 1e3;
  });
  const current = (id: string): Tensor => (id === 'b.weight' ? left : graph.constants.get(id)!.tensor);
  mutator.restoreState({ [name]: [...before] });
  const wider = mutator.exportSubnet().graph;
  mutator.restoreState({ [name]: [...mask] });
  const subnet = mutator.exportSubnet();
  const narrower = (full: ReadonlyMap<string, Tensor>) => replaceConstants(subnet.graph, subnet.sliceTensors(full));
  const judging = blocksOf(graph, 50, 1, 32);
  const raw = await divergenceOf(wider, subnet.graph, judging, engine);
  const found = await divergenceOf(wider, narrower(compensate(reading, mask, current, before)), judging, engine);
  expect(found).toBeLessThan(1e-3 * raw);
});
