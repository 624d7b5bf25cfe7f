/** `seed_examples_and_templates.json`: the guide's second example, its templates and its pictures. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Graph } from '../../../src/graph/graph.js';
import { ChannelMutator, type MutatorConfig } from '../../../src/index.js';
import { resolveConfig } from '../../../src/prune-config/index.js';
import { describeShared } from '../../shared.js';
import { faultOf } from '../../support/fault-of.js';
import { GraphSketch } from '../../support/graph-sketch.js';
import { readOnnx } from '../../support/onnx-files.js';
import { seededRandom } from '../../support/seeded-random.js';

const FIRST = 'feature.0_(0, 8)_8';
const SECOND = 'feature.1_(0, 16)_16';

/** The guide's model, its modules as layers. */
function seedFeatureHead(): Graph {
  const s = new GraphSketch('SeedFeatureHead');
  const feature = s.conv('feature.1', s.conv('feature.0', s.input('x', 3, 32, 32), 8, { stride: 2 }), 16, {
    stride: 2,
  });
  return s.build(s.dense('head', s.flatten(s.op('GlobalAveragePool', [feature], {}, 'pool')), 1000));
}

function prepared(graph: Graph, config: MutatorConfig = {}): ChannelMutator {
  const mutator = new ChannelMutator(config);
  mutator.prepareFromSupernet(graph);
  return mutator;
}

/** The original's names as ours. */
function renamed(text: string): string {
  return text.replaceAll('SequentialMutableChannelUnit', 'SequentialChannelUnit').replaceAll('Squential', 'Sequential');
}

interface Channel {
  name: string;
  start: number;
  end: number;
}

/** Only layers with weights are listed here: the original's FxTracer lists the function `flatten` too. */
const layersOnly = (channels: (Channel & { is_output_channel: boolean })[]): Channel[] =>
  channels.filter(({ name }) => name !== 'flatten').map(({ name, start, end }) => ({ name, start, end }));

describeShared('the guide, row by row', 'goldens/mmrazor', async (folder) => {
  const golden = JSON.parse(readFileSync(join(folder, 'algorithms/seed_examples_and_templates.json'), 'utf8'));
  const toy = (await readOnnx(join(folder, 'seed_feature_head.onnx'))).graph;
  const residual = (await readOnnx(join(folder, 'residual_add.onnx'))).graph;

  // Both tracers of the original find the same; there is one here, so both are held against it.
  describe.each(['number/FxTracer', 'number/BackwardTracer', 'ratio/FxTracer', 'ratio/BackwardTracer'])('%s', (key) => {
    const row = golden[key];
    const choice_mode = key.startsWith('ratio') ? ('ratio' as const) : ('number' as const);
    const config = { channel_unit_cfg: { type: 'SequentialMutableChannelUnit', default_args: { choice_mode } } };

    test('choice template', () => {
      expect(prepared(toy, config).choiceTemplate).toEqual(row.choice_template);
    });

    // Drawn from Python's generator: only where they may lie is to compare.
    test('sampled choices', () => {
      const mutator = prepared(toy, config);
      const support = (n: number) =>
        Array.from({ length: n }, (_, i) => (choice_mode === 'number' ? i + 1 : (i + 1) / n));
      for (const sample of row.sample_choices) {
        expect(support(8)).toContain(sample[FIRST]);
        expect(support(16)).toContain(sample[SECOND]);
      }
      const random = seededRandom(1);
      for (let i = 0; i < 50; i++) {
        const sample = mutator.sampleChoices('random', random);
        expect(Object.keys(sample)).toEqual(Object.keys(row.sample_choices[0]));
        expect(support(8)).toContain(sample[FIRST]);
        expect(support(16)).toContain(sample[SECOND]);
      }
    });

    test.each(Object.keys(golden['number/FxTracer'].templates))('template %s', (name) => {
      const expected = row.templates[name];
      const [onlyMutableUnits, withUnitInitArgs, withChannels] = name.split(',').map((part) => part.endsWith('True'));
      const mutator = prepared(toy, config);
      const found = mutator.configTemplate({ onlyMutableUnits, withUnitInitArgs, withChannels });
      expect(found.type).toBe(expected.type);
      expect(found.channel_unit_cfg.type).toBe(renamed(expected.channel_unit_cfg.type));
      // Ours says every default, the original only what was given.
      expect(found.channel_unit_cfg.default_args).toMatchObject(expected.channel_unit_cfg.default_args);
      // `demo_input` and `tracer_type` have no counterpart: the graph has shapes, and there is one tracer.
      expect(found.parse_cfg.type).toBe(expected.parse_cfg.type);
      // The original drops units that can't be pruned, whatever `only_mutable_units` says.
      const mutable = Object.entries(found.channel_unit_cfg.units).filter(([, unit]) => unit.is_mutable);
      expect(mutable.map(([unit]) => unit)).toEqual(Object.keys(expected.channel_unit_cfg.units));
      for (const [unit, { num_channels: _, is_mutable: __, ...template }] of mutable) {
        const { channels, ...rest } = expected.channel_unit_cfg.units[unit];
        expect(template).toEqual({
          ...rest,
          ...(channels && {
            channels: {
              input_related: layersOnly(channels.input_related),
              output_related: layersOnly(channels.output_related),
            },
          }),
        });
      }
      // Through the config's schema and back: the same units, choices and template.
      for (const type of withChannels && withUnitInitArgs ? ['ChannelAnalyzer', 'Config'] : ['ChannelAnalyzer']) {
        const mutator_cfg = { ...found, parse_cfg: { type } };
        const resolved = resolveConfig({ algorithm: { mutator_cfg } }, { hasDataset: false }).algorithm.mutator_cfg;
        const again = prepared(toy, resolved);
        expect(again.currentChoices).toEqual(mutator.currentChoices);
        const repeated = again.configTemplate({ onlyMutableUnits, withUnitInitArgs, withChannels });
        expect({ ...repeated, parse_cfg: found.parse_cfg, unprunable: found.unprunable }).toEqual(found);
      }
    });

    test('pictures of the model and the mutator, line by line', () => {
      const mutator = prepared(seedFeatureHead(), config);
      expect(String(mutator)).toBe(renamed(row.mutator_repr));
      expect(mutator.drawArchitecture()).toBe(row.repr);
    });
  });

  test('rebuilt from a config', () => {
    const template = prepared(toy).configTemplate({
      withUnitInitArgs: true,
      withChannels: true,
      onlyMutableUnits: true,
    });
    const again = prepared(toy, { ...template, parse_cfg: { type: 'Config' } });
    expect(again.units.map(({ name }) => name)).toEqual(golden.rebuilt_from_config.units);
    expect(again.mutableUnits.map(({ name }) => name)).toEqual(golden.rebuilt_from_config.mutable);
    expect(again.currentChoices).toEqual(golden.rebuilt_from_config.choices);
  });

  // The original ran these on another toy, whose units its clipped rows list.
  describe('errors', () => {
    const STEM = 'stem_(0, 16)_16';
    const numbers = { channel_unit_cfg: { default_args: { choice_mode: 'number' as const } } };
    const setting = (choice: number, config: MutatorConfig = {}) => {
      const mutator = prepared(residual, config);
      const before = mutator.currentChoices;
      return { fault: faultOf(() => mutator.setChoices({ [STEM]: choice })), mutator, before };
    };

    /** What it clips is outside of our domain: a coded error, after which nothing has changed. */
    test.each<[string, number, MutatorConfig]>([
      ['set_too_many', 999, numbers],
      ['set_zero', 0, numbers],
      ['set_negative', -3, numbers],
      ['ratio_gt_1', 1.5, {}],
    ])('%s', (name, choice, config) => {
      const { fault, mutator, before } = setting(choice, config);
      expect(fault.code).toBe('CHOICE_INVALID');
      expect(mutator.currentChoices).toEqual(before);
      expect(Object.keys(golden.errors[name])).toEqual(Object.keys(before));
    });

    test.each<[string, () => unknown, string]>([
      ['set_unknown_unit', () => prepared(residual).setChoices({ nope: 1 }), 'UNIT_UNKNOWN'],
      ['bad_parse', () => prepared(residual, { parse_cfg: { type: 'Nope' } }), 'CONFIG_INVALID'],
      ['bad_unit', () => prepared(residual, { channel_unit_cfg: { type: 'Nope' } }), 'CONFIG_INVALID'],
      ['sample_kind', () => prepared(residual).sampleChoices('max'), 'CONFIG_INVALID'],
    ])('%s', (name, run, code) => {
      expect(golden.errors[name]).toMatch(/^RAISES/);
      expect(faultOf(run).code).toBe(code);
    });
  });

  test('every row of the file was looked at', () => {
    expect(Object.keys(golden)).toHaveLength(4 + ['rebuilt_from_config', 'errors'].length);
    expect(Object.keys(golden.errors)).toHaveLength(8);
    expect(Object.keys(golden['number/FxTracer'])).toEqual([
      'sample_choices',
      'choice_template',
      'templates',
      'repr',
      'mutator_repr',
    ]);
  });
});
