/** `slimmable_oneshot.json`: the toy `residual_add` as a slimmable and as a one-shot network. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { graphCost } from '../../../src/graph/cost.js';
import type { Graph } from '../../../src/graph/graph.js';
import { OneShotChannelMutator, SlimmableChannelMutator } from '../../../src/pruning/index.js';
import { describeShared } from '../../shared.js';
import { faultOf } from '../../support/fault-of.js';
import { readOnnx } from '../../support/onnx-files.js';
import { seededRandom } from '../../support/seeded-random.js';

describeShared('slimmable and one-shot, row by row', 'goldens/mmrazor', async (folder) => {
  const golden = JSON.parse(readFileSync(join(folder, 'algorithms/slimmable_oneshot.json'), 'utf8'));
  const { graph } = await readOnnx(join(folder, 'residual_add.onnx'));
  const slimmable = new SlimmableChannelMutator({
    channel_unit_cfg: { default_args: { choice_mode: 'number' }, units: golden.units_cfg },
  });
  slimmable.prepareFromSupernet(graph);

  test('subnets and initial choices', () => {
    expect(slimmable.subnets).toEqual(golden.subnets);
    expect(slimmable.currentChoices).toEqual(golden.initial);
  });

  // Two of the original's habits on dynamic ops (PRUNING.md, section 8) are taken off: a batch norm counts only below its
  // full width (there it is a plain one of its own), and a dense layer's parameters are those of the full layer.
  test('the cost of each subnet', () => {
    expect(golden.flops).toHaveLength(3);
    const dense = (pruned: Graph) =>
      pruned.constants.get('fc.weight')!.tensor.data.length + pruned.constants.get('fc.bias')!.tensor.data.length;
    slimmable.subnets.forEach((choices, i) => {
      slimmable.setChoices(choices);
      const pruned = slimmable.exportSubnet().graph;
      const { flops, params } = moduleCost(pruned, i < 2);
      expect({ flops, params: params + dense(graph) - dense(pruned) }).toEqual(golden.flops[i]);
    });
  });

  // Espalier trains one subnet at a time, so a batch norm has one set of statistics; which unit it is in is the same.
  test('batch norms stand in the units whose candidates they switch between', () => {
    for (const [layer, widths] of Object.entries<string[]>(golden.bn_candidates)) {
      const unit = slimmable.mutableUnits.find(({ channelUnit }) =>
        channelUnit.outputRelated.some(({ name }) => name === layer),
      );
      expect(unit?.candidateChoices?.map(String), layer).toEqual(widths);
    }
  });

  test('what is no candidate, and sampling, are coded errors', () => {
    expect([golden.not_a_candidate, golden.sample_choices].every((row: string) => row.startsWith('RAISES'))).toBe(true);
    const [unit] = slimmable.mutableUnits;
    expect(faultOf(() => slimmable.setChoices({ [unit.name]: 5 })).code).toBe('CHOICE_INVALID');
    expect(faultOf(() => slimmable.sampleChoices()).code).toBe('CONFIG_INVALID');
  });

  test('units of a slimmable network have equally many candidates', () => {
    const [name] = Object.keys(golden.units_cfg);
    const uneven = new SlimmableChannelMutator({
      channel_unit_cfg: { units: { ...golden.units_cfg, [name]: { init_args: { candidate_choices: [8, 16] } } } },
    });
    uneven.prepareFromSupernet(graph);
    expect(faultOf(() => uneven.subnets).code).toBe('CONFIG_INVALID');
  });

  test('one-shot: max, min, candidates, and samples among them', () => {
    const mutator = new OneShotChannelMutator({
      channel_unit_cfg: { default_args: { candidate_choices: [0.25, 0.5, 0.75, 1] } },
    });
    mutator.prepareFromSupernet(graph);
    expect(mutator.sampleChoices('max')).toEqual(golden.oneshot.max);
    expect(mutator.sampleChoices('min')).toEqual(golden.oneshot.min);
    const candidates = Object.fromEntries(mutator.mutableUnits.map((unit) => [unit.name, unit.candidateChoices]));
    expect(candidates).toEqual(golden.oneshot.candidates);
    const random = seededRandom(2);
    for (let i = 0; i < 20; i++) {
      const choices = mutator.sampleChoices('random', random);
      for (const [name, choice] of Object.entries(choices)) expect(candidates[name]).toContain(choice);
      mutator.setChoices(choices);
      expect(mutator.currentChoices).toEqual(choices);
    }
  });

  test('every row of the file is looked at here', () => {
    expect(Object.keys(golden).sort()).toEqual([
      'bn_candidates',
      'flops',
      'initial',
      'not_a_candidate',
      'oneshot',
      'sample_choices',
      'subnets',
      'units_cfg',
    ]);
    expect(Object.keys(golden.oneshot).sort()).toEqual(['candidates', 'default_cfg_fails', 'max', 'min']);
  });

  // `default_cfg_fails`: the original's one-shot mutator breaks on its own default config; ours has [0.5, 1].
  test('the default config of the one-shot mutator works', () => {
    expect(golden.oneshot.default_cfg_fails).toMatch(/^RAISES/);
    const mutator = new OneShotChannelMutator();
    mutator.prepareFromSupernet(graph);
    expect(new Set(Object.values(mutator.minChoices))).toEqual(new Set([0.5]));
  });
});

function moduleCost(graph: Graph, withNorms: boolean): { flops: number; params: number } {
  const { perNode } = graphCost(graph);
  let flops = 0;
  const counted = new Set<string>();
  for (const node of graph.nodes) {
    // Functions of the original's forward are not counted by it: only modules have a path of two parts in these files.
    if ((node.op === 'BatchNormalization' && !withNorms) || !/^\/[^/]+\/./.test(node.name)) continue;
    flops += perNode.get(node.name)!.mmrazor;
    for (const id of node.inputs) if (graph.constants.get(id)?.role === 'parameter') counted.add(id);
  }
  let params = 0;
  for (const id of counted) params += graph.constants.get(id)!.tensor.data.length;
  return { flops, params };
}
