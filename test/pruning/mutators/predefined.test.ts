import { describe, expect, test } from 'vitest';
import type { Graph } from '../../../src/graph/graph.js';
import {
  ChannelMutator,
  DynamicModel,
  deriveConcat,
  deriveExpand,
  deriveSame,
  expandMutableChannel,
  type MutatorConfig,
  OneShotMutableChannel,
  SequentialMutableChannel,
  SimpleMutableChannel,
} from '../../../src/pruning/index.js';
import { faultOf } from '../../support/fault-of.js';
import { GraphSketch } from '../../support/graph-sketch.js';

const SEQUENTIAL: MutatorConfig = {
  channel_unit_cfg: { type: 'SequentialChannelUnit', default_args: { choice_mode: 'number' } },
  parse_cfg: { type: 'Predefined' },
};

/** conv0 (8) → bn → conv1 (16) → flatten of 2×2 → head. */
function twoConvs(): Graph {
  const s = new GraphSketch();
  const a = s.batchNorm('bn', s.conv('conv0', s.input('x', 3, 2, 2), 8));
  return s.build(s.dense('head', s.flatten(s.conv('conv1', a, 16)), 5));
}

function predefined(): { model: DynamicModel; eight: SequentialMutableChannel; sixteen: SequentialMutableChannel } {
  const model = new DynamicModel(twoConvs());
  const [eight, sixteen] = [new SequentialMutableChannel(8), new SequentialMutableChannel(16)];
  model.getOp('conv0').outChannels.register(0, eight);
  model.getOp('bn').outChannels.register(0, eight);
  model.getOp('conv1').inChannels.register(0, deriveSame(eight));
  model.getOp('conv1').outChannels.register(0, sixteen);
  model.getOp('head').inChannels.register(0, expandMutableChannel(sixteen, 4));
  return { model, eight, sixteen };
}

function prepared(model: DynamicModel, config = SEQUENTIAL): ChannelMutator {
  const mutator = new ChannelMutator(config);
  mutator.prepareFromSupernet(model);
  return mutator;
}

describe('predefined models', () => {
  test('units are the mutables that are registered, named as the analysis names them', () => {
    const { model, eight } = predefined();
    eight.currentChoice = 6;
    const mutator = prepared(model);
    expect(mutator.currentChoices).toEqual({ 'conv0_(0, 8)_8': 6, 'conv1_(0, 16)_16': 16 });
    expect(mutator.units).toHaveLength(2);
  });

  test('choices set the mutables of the model, and the subnet follows', () => {
    const { model, eight, sixteen } = predefined();
    const mutator = prepared(model);
    mutator.setChoices({ 'conv0_(0, 8)_8': 3, 'conv1_(0, 16)_16': 5 });
    expect([eight.currentChoice, sixteen.currentChoice]).toEqual([3, 5]);
    expect(model.getOp('head').inChannels.activatedChannels).toBe(20);
    expect(mutator.dynamicOps).toBe(model.dynamicOps);
    const { graph } = mutator.exportSubnet();
    expect(graph.constants.get('conv1.weight')?.tensor.shape).toEqual([5, 3, 3, 3]);
    expect(graph.constants.get('head.weight')?.tensor.shape).toEqual([5, 20]);
    mutator.fixChosen();
    expect(eight.isFixed && sixteen.isFixed).toBe(true);
  });

  test('the analyzer finds the same units', () => {
    const { model } = predefined();
    const analyzed = prepared(model, { ...SEQUENTIAL, parse_cfg: { type: 'ChannelAnalyzer' } });
    expect(analyzed.choiceTemplate).toEqual(prepared(model).choiceTemplate);
  });

  test('a concatenation is registered as one', () => {
    const s = new GraphSketch();
    const x = s.input('x', 3, 4, 4);
    const joined = s.op('Concat', [s.conv('a', x, 4), s.conv('b', x, 6)], { axis: 1 });
    const model = new DynamicModel(s.build(s.conv('out', joined, 2)));
    const [four, six] = [new SimpleMutableChannel(4), new SimpleMutableChannel(6)];
    model.getOp('a').outChannels.register(0, four);
    model.getOp('b').outChannels.register(0, six);
    model.getOp('out').inChannels.register(0, deriveConcat([four, six]));
    const mutator = prepared(model, { parse_cfg: { type: 'Predefined' } });
    mutator.setChoices({ 'a_(0, 4)_4': 0.5, 'b_(0, 6)_6': 0.5 });
    expect(mutator.exportSubnet().graph.constants.get('out.weight')?.tensor.shape).toEqual([2, 5, 3, 3]);
  });

  test('candidates of a one-shot mutable are those of its unit', () => {
    const s = new GraphSketch();
    const model = new DynamicModel(s.build(s.conv('out', s.conv('a', s.input('x', 3, 4, 4), 8), 2)));
    const width = new OneShotMutableChannel(8, [6, 2]);
    model.getOp('a').outChannels.register(0, width);
    model.getOp('out').inChannels.register(0, width);
    const config = { ...SEQUENTIAL, channel_unit_cfg: { type: 'OneShotChannelUnit' } };
    const mutator = prepared(model, config);
    expect(mutator.mutableUnits[0].candidateChoices).toEqual([0.25, 0.75]);
    expect(mutator.currentChoices).toEqual({ 'a_(0, 8)_8': 0.75 });
  });

  test.each<[string, (model: DynamicModel) => void, RegExp]>([
    [
      'a reader without the mutable',
      (model) => model.getOp('conv0').outChannels.register(0, new SequentialMutableChannel(8)),
      /channel 0 of (bn|conv1) needs the same mutable/,
    ],
    [
      'two mutables on one unit',
      (model) => {
        model.getOp('conv0').outChannels.register(0, new SequentialMutableChannel(8));
        model.getOp('bn').outChannels.register(0, new SequentialMutableChannel(8));
        model.getOp('conv1').inChannels.register(0, new SequentialMutableChannel(8));
      },
      /needs the same mutable/,
    ],
    [
      'a mutable of two units',
      (model) => {
        const eight = new SequentialMutableChannel(8);
        for (const layer of ['conv0', 'bn']) model.getOp(layer).outChannels.register(0, eight);
        model.getOp('conv1').inChannels.register(0, eight);
        model.getOp('conv1').outChannels.register(0, eight);
      },
      /output channel 0 of conv1 .* is not the same channel as elsewhere/,
    ],
    [
      'a flatten that is expanded as a first-k width',
      (model) => {
        const sixteen = new SequentialMutableChannel(16);
        model.getOp('conv1').outChannels.register(0, sixteen);
        model.getOp('head').inChannels.register(0, deriveExpand(sixteen, 4));
      },
      /channel \d+ of head/,
    ],
    [
      'half of a unit',
      (model) => {
        const four = new SequentialMutableChannel(4);
        for (const layer of ['conv0', 'bn']) model.getOp(layer).outChannels.register(0, four);
        model.getOp('conv1').inChannels.register(0, four);
      },
      /4 channels stands in the channels of unit conv0_\(0, 8\)_8/,
    ],
  ])('%s is refused', (_name, register, message) => {
    const model = new DynamicModel(twoConvs());
    register(model);
    const fault = faultOf(() => prepared(model));
    expect(fault.code).toBe('CONFIG_INVALID');
    expect(fault.message).toMatch(message);
  });

  test('a mutable that the unit type does not take is refused', () => {
    const fault = faultOf(() => prepared(predefined().model, { parse_cfg: { type: 'Predefined' } }));
    expect(fault.message).toMatch(
      /CriterionChannelUnit, which takes a SimpleMutableChannel; the model has a Sequential/,
    );
  });

  test('a plain graph has no mutables, and a layer without weights no dynamic op', () => {
    const plain = () => new ChannelMutator(SEQUENTIAL).prepareFromSupernet(twoConvs());
    expect(faultOf(plain).message).toMatch(/needs a DynamicModel/);
    expect(() => new DynamicModel(twoConvs()).getOp('nope')).toThrow(/there are conv0, bn, conv1, head/);
  });

  test('a layer that is used twice has one width', () => {
    const s = new GraphSketch();
    const shared = s.conv('shared', s.conv('a', s.input('x', 3, 4, 4), 4), 4);
    const model = new DynamicModel(s.build(s.conv('out', s.again('shared', shared), 2)));
    const four = new SequentialMutableChannel(4);
    model.getOp('a').outChannels.register(0, four);
    model.getOp('shared').inChannels.register(0, four);
    model.getOp('shared').outChannels.register(0, four);
    model.getOp('out').inChannels.register(0, four);
    expect(prepared(model).mutableUnits.map(({ numChannels }) => numChannels)).toEqual([4]);
  });
});
