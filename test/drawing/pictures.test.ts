import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { IteAlgorithm } from '../../src/index.js';
import { describeShared } from '../shared.js';
import { GraphSketch } from '../support/graph-sketch.js';

/** The guide's first example: one convolution, whose channels are the model's output. */
function singleConv(): IteAlgorithm {
  const s = new GraphSketch('Model');
  const graph = s.build(s.conv('conv', s.input('x', 3, 8, 8), 8));
  const channel_unit_cfg = { type: 'L1ChannelUnit' };
  return new IteAlgorithm(graph, { mutator_cfg: { type: 'ChannelMutator', channel_unit_cfg } });
}

describeShared("the guide's picture of an algorithm", 'seed/pruning-framework-user-guide.md', (file) => {
  test('line for line, with what PRUNING.md mends: the container, and our names', () => {
    const lines = readFileSync(file, 'utf8').split('\n');
    const from = lines.indexOf('# IteAlgorithm(');
    const drawn = lines.slice(from, lines.indexOf('# )', from) + 1).map((line) => line.replace(/^# /, ''));
    const mended = drawn.map((line) =>
      line
        .replace(/\(name=, num_channels=(\d+), activated_channels: (\d+)$/, '(num_channels=$1, activated_channels=$2)')
        .replace('BaseChannelMutator', 'ChannelMutator'),
    );
    expect(drawn).toHaveLength(14);
    expect(String(singleConv()).split('\n')).toEqual(mended);
  });
});

describe('pictures', () => {
  test('show widths as they are, the units, and layers in their scopes', () => {
    const s = new GraphSketch('Net');
    const a = s.conv('body/a', s.input('x', 4, 8, 8), 8, { bias: false });
    const b = s.op('Relu', [s.batchNorm('body/bn', a)], {}, 'act');
    const graph = s.build(s.conv('out', b, 2, { kernel: 1, dilation: 2 }));
    const algorithm = new IteAlgorithm(graph, { target_pruning_ratio: 0.5 });
    algorithm.mutator.setChoices(algorithm.target);
    expect(String(algorithm)).toBe(
      `
IteAlgorithm(
  (data_preprocessor): BaseDataPreprocessor()
  (architecture): Net(
    (data_preprocessor): BaseDataPreprocessor()
    (body): Module(
      (a): DynamicConv2d(
        4, 8, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1), bias=False
        (mutable_attrs): ModuleDict(
          (in_channels): MutableChannelContainer(num_channels=4, activated_channels=4)
          (out_channels): MutableChannelContainer(num_channels=8, activated_channels=4)
        )
      )
      (bn): DynamicBatchNorm2d(
        8, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True
        (mutable_attrs): ModuleDict(
          (num_features): MutableChannelContainer(num_channels=8, activated_channels=4)
        )
      )
    )
    (act): ReLU()
    (out): DynamicConv2d(
      8, 2, kernel_size=(1, 1), stride=(1, 1), dilation=(2, 2)
      (mutable_attrs): ModuleDict(
        (in_channels): MutableChannelContainer(num_channels=8, activated_channels=4)
        (out_channels): MutableChannelContainer(num_channels=2, activated_channels=2)
      )
    )
  )
  (mutator): ChannelMutator(
    (units): ModuleList(
      (0): CriterionChannelUnit(
        name=body/a_(0, 8)_8
        (mutable_channel): SimpleMutableChannel(num_channels=8, activated_channels=4)
      )
    )
  )
)`.trim(),
    );
  });
});
