/**
 * Times the forward pass and a training step of ResNet-20 on CIFAR-sized data (batch 64) on the CPU engine.
 * `npm run bench:step`; THREADS sets the threads, by default as many as the machine runs at once.
 */
import { createTrainingStep } from '../src/autodiff/index.js';
import { seededRandom } from '../src/data/index.js';
import { type CompiledGraph, measureLatency, openEngine } from '../src/engine/index.js';
import { type Graph, getSpec } from '../src/graph/graph.js';
import { allocate, elementCount, scalar, type Tensor } from '../src/graph/tensor.js';
import { residualNetwork } from './residual-network.js';

const BATCH = 64;
const RUNS = 30;

const random = seededRandom(1);

function zeros(graph: Graph, id: string): Tensor {
  const { dtype, shape } = getSpec(graph, id);
  const extents = shape.map((d) => (typeof d === 'number' ? d : BATCH));
  return { dtype, shape: extents, data: allocate(dtype, elementCount(extents)) };
}

async function report(what: string, compiled: CompiledGraph, feeds: Map<string, Tensor>, createdMs: number) {
  const { p50_ms, interval } = await measureLatency(compiled, feeds, { warmup: 5, runs: RUNS });
  const [lower, upper] = interval.map((ms) => ms.toFixed(1));
  console.log(
    `${what}: median ${p50_ms.toFixed(1)} ms [${lower}, ${upper}]; session created in ${createdMs.toFixed(0)} ms`,
  );
}

const engine = await openEngine({ engine: 'auto', threads: Number(process.env.THREADS ?? 0) });
console.log(`ResNet-20, batch ${BATCH}, 32×32, engine ${engine.name}, ${engine.threads} threads, ${RUNS} runs`);

const network = residualNetwork(random);
const images = { ...zeros(network, 'x'), data: Float32Array.from({ length: BATCH * 3 * 32 * 32 }, random) };

let start = performance.now();
const forward = await engine.compile(network);
await report('forward', forward, new Map([['x', images]]), performance.now() - start);
await forward.release();

const optimizer = { type: 'sgd', momentum: 0.9, weightDecay: 1e-4 } as const;
const step = createTrainingStep(network, { loss: 'cross_entropy', labels: 'index', optimizer });
const feeds = new Map(step.graph.inputs.map((id) => [id, zeros(step.graph, id)]));
feeds.set('x', images);
feeds.set(step.learningRate, scalar('float32', 0.1));
const classes = Int32Array.from({ length: BATCH }, (_, i) => i % 10);
feeds.set(step.labels, { dtype: 'int32', shape: [BATCH], data: classes });
for (const { input, constant } of [...step.parameters, ...step.statistics]) {
  feeds.set(input, network.constants.get(constant)!.tensor);
}
start = performance.now();
const training = await engine.compile(step.graph);
await report('training step', training, feeds, performance.now() - start);
await training.release();
