import { expect, test } from 'vitest';
import { type Engine, openEngine } from '../../src/engine/index.js';
import type { Graph } from '../../src/graph/graph.js';
import { replaceConstants } from '../../src/graph/passes/replace-constants.js';
import type { Tensor } from '../../src/graph/tensor.js';
import { ChannelMutator } from '../../src/pruning/index.js';
import { outputsOf } from '../../src/recovery/divergence.js';
import { Tails } from '../../src/recovery/tails.js';
import { CPU_ENGINE } from '../engine/cpu-engine.js';
import { GraphSketch } from '../support/graph-sketch.js';
import { blocksOf } from '../support/recovery-networks.js';

const engine: Engine = await openEngine({ engine: CPU_ENGINE, threads: 1, notice: () => {} });

/** Two branches, a residual sum, a second output before the last layers. */
function network(): Graph {
  const s = new GraphSketch();
  const stem = s.relu(s.conv('stem', s.input('x', 3, 8, 8), 8));
  const sum = s.op('Add', [stem, s.conv('c2', s.relu(s.conv('c1', stem, 12)), 8)]);
  s.builder.output('early', s.globalPool(s.conv('aux', sum, 4)));
  return s.build(s.dense('head', s.globalPool(s.relu(s.conv('last', sum, 10))), 5));
}

test('variants give what they give when they are run as a whole, in any order', async () => {
  const graph = network();
  const blocks = blocksOf(graph, 3, 3, 4);
  const mutator = new ChannelMutator();
  mutator.prepareFromSupernet(graph);
  const tails = new Tails(graph, blocks, engine);
  const whole = mutator.state;
  const variants = [...mutator.mutableUnits, ...mutator.mutableUnits.toReversed()].map((unit) => {
    mutator.restoreState(whole);
    mutator.setChoices({ [unit.name]: 0.5 });
    return mutator.exportSubnet().graph;
  });
  const { data, shape, dtype } = graph.constants.get('last.bias')!.tensor;
  const shifted = { dtype, shape, data: (data as Float32Array).map((v) => v + 1) } as Tensor;
  variants.push(replaceConstants(graph, new Map([['last.bias', shifted]])), graph);
  for (const variant of variants) {
    const [found, wanted] = [await tails.outputsOf(variant), await outputsOf(variant, blocks, engine)];
    expect(found.map((outputs) => [...outputs])).toEqual(wanted.map((outputs) => [...outputs]));
  }
});
