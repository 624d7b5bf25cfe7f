import type { Engine } from '../../../src/engine/engine.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import { type Constant, type Graph, getSpec } from '../../../src/graph/graph.js';
import { selectOutputs } from '../../../src/graph/passes/select-outputs.js';
import { type Tensor, tensor } from '../../../src/graph/tensor.js';
import type { NamedRange } from '../../../src/recovery/synthesis/sample-range.js';
import { SampleSource } from '../../../src/recovery/synthesis/sample-source.js';
import { layers } from '../../autodiff/nets.js';

/** conv-bn-relu, a residual block and a depthwise convolution, four batch norms, for images of 12×12. */
export function smallNet(seed = 3): Graph {
  const b = new GraphBuilder('small');
  const { conv, norm, dense } = layers(b, seed);
  const x = b.input('image', { dtype: 'float32', shape: ['N', 3, 12, 12] });
  const same = { pads: [1, 1, 1, 1] };
  const stem = b.op('Relu', [norm('stem_norm', conv('stem', x, 8, 3, same))]);
  const inner = b.op('Relu', [norm('inner_norm', conv('inner', stem, 8, 3, same))]);
  const sum = b.op('Add', [stem, norm('outer_norm', conv('outer', inner, 8, 3, same))]);
  const deep = norm('deep_norm', conv('deep', sum, 8, 3, { strides: [2, 2], group: 8 }));
  b.output('y', dense('end', b.op('Flatten', [b.op('GlobalAveragePool', [deep])]), 4));
  return b.build();
}

/** Noise of one usual range, in one block. */
export function noiseBlock(graph: Graph, range: NamedRange, samples: number, seed: number) {
  const source = new SampleSource(graph, seed);
  return { feeds: source.draw(0, samples, source.bounds(source.ranges(range))), samples };
}

/** The net with the statistics that training on these samples would have left: each norm's are those of what reaches it. */
export async function settled(net: Graph, engine: Engine, feeds: ReadonlyMap<string, Tensor>): Promise<Graph> {
  let graph = net;
  for (const { op, inputs } of net.nodes) {
    if (op !== 'BatchNormalization') continue;
    const [x, , , mean, variance] = inputs;
    const reaching = selectOutputs({ ...graph, outputs: [{ name: 'x', value: x }] }, ['x']);
    const compiled = await engine.compile(reaching);
    const { data } = (await compiled.run(feeds)).get('x')!;
    await compiled.release();
    const [, channels, ...spatial] = getSpec(graph, x).shape as number[];
    const plane = spatial.reduce((product, extent) => product * extent, 1);
    const of = (c: number): number[] => [...data].map(Number).filter((_, i) => Math.floor(i / plane) % channels === c);
    const average = (values: number[]): number => values.reduce((sum, v) => sum + v, 0) / values.length;
    const means = Array.from({ length: channels }, (_, c) => average(of(c)));
    const variances = means.map((m, c) => average(of(c).map((v) => (v - m) ** 2)));
    const constants = new Map<string, Constant>(graph.constants);
    const set = (id: string, values: number[]): void => {
      constants.set(id, { ...constants.get(id)!, tensor: tensor('float32', [channels], values) });
    };
    set(mean, means);
    set(variance, variances);
    graph = { ...graph, constants };
  }
  return graph;
}
