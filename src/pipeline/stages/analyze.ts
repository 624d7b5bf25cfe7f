import { type Engine, openEngine } from '../../engine/index.js';
import { EspalierError } from '../../errors.js';
import { type Graph, hasBatchNorms } from '../../graph/graph.js';
import { selectOutputs } from '../../graph/passes/select-outputs.js';
import { withoutSpares } from '../../graph/passes/spare-biases.js';
import {
  type BaseAlgorithm,
  type BlockOf,
  createAlgorithm,
  epochsOfSteps,
  layerGlobs,
  parametersOf,
  unreachable,
} from '../../pruning/index.js';
import { withNeededSpares } from '../../recovery/index.js';
import { type PlannedTarget, planTarget } from '../planning/plan-target.js';
import { blocksOf, findWidthTable } from '../planning/rewarded-widths.js';
import { loadParts } from '../plugins.js';
import type { Loaded } from './load.js';
import { type Job, stage } from './stage.js';

export interface Analyzed extends Loaded {
  /** The model with the outputs that stay, and a spare bias where recovery has nowhere else to put a mean. */
  readonly graph: Graph;
  /** The same as its file has it. */
  readonly uploaded: Graph;
  /** What the job computes with. */
  readonly engine: Engine;
  /** What latencies are taken on: onnxruntime on the CPU, which is what delivered models run on most, whatever trains here. */
  readonly stopwatch: Engine;
  /** Prunes its mutator to the target. */
  readonly algorithm: BaseAlgorithm;
  readonly planned: PlannedTarget;
  /** How many channels make a block of a unit whose `divisor` is `auto`; absent where no unit's is. */
  readonly blockOf: BlockOf | undefined;
  /** Epochs that its prune steps need. */
  readonly leastEpochs: number;
}

/** Finds the units of the model and the choices that the target asks for. */
export const analyze = stage('analyzing', async (job, loaded: Loaded): Promise<Analyzed> => {
  const { spec, listener, signal } = job;
  const { config, engine: name, device, threads } = spec;
  const read = config.outputs ? selectOutputs(loaded.model.graph, config.outputs) : loaded.model.graph;
  const uploaded = withoutSpares(read);
  // Weights are set by samples: of a data set, or made of batch norms.
  const spared = spec.dataset || hasBatchNorms(uploaded) ? withNeededSpares(read, uploaded) : uploaded;
  const engine = await openEngine({ engine: name, device, threads, notice: (line) => listener.log(line) });
  logEngine(job, engine);
  warnOfIdleGlobs(job, uploaded);
  const stopwatch = await openEngine({ engine: 'onnxruntime', device: 'cpu', threads });
  const planFor = async (graph: Graph) => {
    const made = await createAlgorithmOf(job, graph);
    const { mutator } = made.algorithm;
    mutator.seed = config.seed;
    const isRewarded = mutator.mutableUnits.some(({ args }) => args.divisor === 'auto');
    const blockOf = isRewarded ? blocksOf(await findWidthTable(stopwatch, signal), graph) : undefined;
    const planned = await planTarget({ ...loaded, stopwatch, uploaded, mutator, config, signal, blockOf });
    return { graph, ...made, blockOf, planned };
  };
  const first = await planFor(spared);
  // Biases may be what is too much of a small target.
  const isShort =
    first.planned.plan?.reachable === false && spared !== uploaded && config.target?.latency === undefined;
  const { graph, algorithm, leastEpochs, blockOf, planned } = isShort ? await planFor(uploaded) : first;
  algorithm.setTarget(planned.choices);
  warnIfNothingGoes(job, algorithm, planned);
  return { ...loaded, graph, uploaded, engine, stopwatch, algorithm, leastEpochs, planned, blockOf };
});

/** @throws EspalierError TARGET_UNREACHABLE with the nearest that can be reached */
export function requireReachable({ planned: { plan } }: Pick<Analyzed, 'planned'>): void {
  const missed = plan && unreachable(plan);
  if (missed) throw new EspalierError('TARGET_UNREACHABLE', missed);
}

export function logEngine({ listener }: Job, { name, device, threads }: Engine): void {
  listener.log(`computing with ${name} on ${device}, threads: ${threads}`);
}

/** A glob that protects nothing is most likely misspelt. */
function warnOfIdleGlobs({ spec, listener }: Job, graph: Graph): void {
  const layers = [...new Set(graph.nodes.map((node) => node.layer ?? node.name))];
  const idle = spec.config.ignore.filter((glob) => !layers.some(layerGlobs([glob])));
  if (idle.length === 0) return;
  listener.warning({ code: 'IGNORE_UNMATCHED', message: `no layer is named like ${idle.join(', ')}` });
}

async function createAlgorithmOf({ spec: { config, plugins = [] } }: Job, graph: Graph) {
  const { mutator_cfg, target_pruning_ratio: _, ...algorithm } = config.algorithm;
  const { channel_unit_cfg } = mutator_cfg;
  // Choices in a template are the target (target_pruning_ratio holds them), not where the schedule starts.
  const units = Object.fromEntries(
    Object.entries(channel_unit_cfg.units).map(([name, { choice: _, ...unit }]) => [name, unit]),
  );
  const own = { ...mutator_cfg, channel_unit_cfg: { ...channel_unit_cfg, units }, ignore: config.ignore };
  const parts = await loadParts(plugins);
  const row = parts.algorithms.find(({ name }) => name === algorithm.type)!;
  return {
    algorithm: createAlgorithm(graph, { ...algorithm, mutator_cfg: own }, parts),
    leastEpochs: epochsOfSteps(parametersOf(row), algorithm),
  };
}

function warnIfNothingGoes({ listener }: Job, { mutator }: BaseAlgorithm, { choices }: PlannedTarget): void {
  const goes = mutator.mutableUnits.some((unit) => {
    const choice = choices[unit.name];
    return (choice === undefined ? unit.activatedChannels : unit.countFor(choice)) < unit.numChannels;
  });
  if (!goes) listener.warning({ code: 'NOTHING_PRUNED', message: 'every unit keeps all of its channels' });
}
