import type { Engine, ModelFile } from '../../engine/index.js';
import { type Graph, producers } from '../../graph/graph.js';
import type { Tensor } from '../../graph/tensor.js';
import { type Difference, outputDifference, type Values, worst } from './difference.js';
import type { Feeds, SampleFeeds } from './sample-feeds.js';

/** A network and what it runs on. */
export interface Side {
  readonly graph: Graph;
  readonly engine: Engine;
  /** The network's own file, which gives the outputs in place of the graph; what is inside of it, only the graph shows. */
  readonly file?: ModelFile | undefined;
}

/** Outputs by set of feeds. */
interface Results {
  readonly names: readonly string[];
  readonly sets: readonly (readonly Values[])[];
}

/** What a network makes of sample feeds. */
export interface Forward {
  readonly usual: Results;
  readonly unusual: Results;
}

/**
 * Runs a network on sample feeds. What goes into a closing softmax or sigmoid is looked at too, since a saturated one hides
 * differences; or, on unusual feeds, instead, since its outputs there are as wrong as rounding is large.
 */
export async function runForward(side: Side, feeds: SampleFeeds): Promise<Forward> {
  return {
    usual: await runAll(side, feeds.usual, 'too'),
    unusual: await runAll(side, feeds.unusual, 'instead'),
  };
}

/** @throws EspalierError as {@link outputDifference} says */
export function forwardDifference(tested: Forward, reference: Forward): Difference {
  return worst(
    (['usual', 'unusual'] as const).map((kind) =>
      outputDifference(reference[kind].names, tested[kind].sets, reference[kind].sets),
    ),
  );
}

const SATURATING = ['Softmax', 'Sigmoid', 'Tanh'];

function openHeads(graph: Graph, logits: 'too' | 'instead'): Graph {
  const makers = producers(graph);
  const outputs = graph.outputs.flatMap((output) => {
    const maker = makers.get(output.value);
    if (!maker || !SATURATING.includes(maker.op)) return [output];
    const before = { name: `${output.name} before ${maker.op}`, value: maker.inputs[0] };
    return logits === 'too' ? [output, before] : [before];
  });
  return { ...graph, outputs };
}

async function runAll(
  { graph, engine, file }: Side,
  feeds: readonly Feeds[],
  logits: 'too' | 'instead',
): Promise<Results> {
  const opened = openHeads(graph, logits);
  const names = opened.outputs.map(({ name }) => name);
  if (feeds.length === 0) return { names, sets: [] };
  const ofFile = file ? opened.outputs.filter((output) => graph.outputs.includes(output)) : [];
  const ofGraph = opened.outputs.filter((output) => !ofFile.includes(output));
  const sets: Map<string, Values>[] = feeds.map(() => new Map());
  const fileNames = ofFile.map(({ name }) => name);
  if (file && ofFile.length > 0) {
    for (const [i, set] of feeds.entries())
      for (const [name, values] of await file.run(set, fileNames)) sets[i].set(name, values);
  }
  if (ofGraph.length > 0) {
    const results = await runGraph(engine, { ...opened, outputs: ofGraph }, feeds);
    for (const [i, set] of results.entries()) for (const [name, values] of set) sets[i].set(name, values);
  }
  return { names, sets: sets.map((set) => names.map((name) => set.get(name)!)) };
}

/** Compiles a graph for as long as it takes to feed it. */
export async function runGraph(engine: Engine, graph: Graph, feeds: readonly Feeds[]): Promise<Map<string, Tensor>[]> {
  const compiled = await engine.compile(graph);
  try {
    const all: Map<string, Tensor>[] = [];
    for (const set of feeds) all.push(await compiled.run(set));
    return all;
  } finally {
    await compiled.release();
  }
}
