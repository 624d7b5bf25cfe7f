import type { Engine, ModelFile } from '../../engine/index.js';
import type { Graph } from '../../graph/graph.js';
import type { Tensor } from '../../graph/tensor.js';
import { type Difference, outputDifference, type Values, worst } from './difference.js';
import { type Head, headsOf } from './heads.js';
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
  readonly heads: readonly Head[];
  readonly sets: readonly (readonly Values[])[];
}

/** What a network makes of sample feeds. */
export interface Forward {
  readonly usual: Results;
  readonly unusual: Results;
}

/**
 * Runs a network on sample feeds. What goes into a closing op that hides differences is looked at too; or, on unusual
 * feeds, instead: a saturated softmax is as wrong there as rounding is large.
 */
export async function runForward(side: Side, feeds: SampleFeeds): Promise<Forward> {
  return {
    usual: await runAll(side, feeds.usual, 'too'),
    unusual: await runAll(side, feeds.unusual, 'instead'),
  };
}

/**
 * What is inside is compared where both networks have it: a writer may fold an addition into a convolution.
 * @throws EspalierError as {@link outputDifference} says
 */
export function forwardDifference(tested: Forward, reference: Forward): Difference {
  return worst(
    (['usual', 'unusual'] as const).map((kind) => {
      const places = tested[kind].heads.map(({ place }) => place);
      const isOutput = ({ inner }: Head): boolean => kind === 'usual' && !inner;
      const heads = reference[kind].heads.filter((head) => isOutput(head) || places.includes(head.place));
      return outputDifference(heads, select(tested[kind], heads), select(reference[kind], heads));
    }),
  );
}

function select({ heads, sets }: Results, wanted: readonly Head[]): Values[][] {
  const indices = wanted.map(({ place }) => heads.findIndex((head) => head.place === place));
  return sets.map((set) => indices.map((i) => set[i]));
}

async function runAll(
  { graph, engine, file }: Side,
  feeds: readonly Feeds[],
  logits: 'too' | 'instead',
): Promise<Results> {
  const heads = headsOf(graph, logits);
  if (feeds.length === 0) return { heads, sets: [] };
  const names = new Set(graph.outputs.map(({ name }) => name));
  const ofFile = file ? heads.filter(({ name }) => names.has(name)) : [];
  const ofGraph = heads.filter((head) => !ofFile.includes(head));
  const sets: Map<string, Values>[] = feeds.map(() => new Map());
  const add = (i: number, found: ReadonlyMap<string, Values>): void => {
    for (const [name, values] of found) sets[i].set(name, values);
  };
  if (file && ofFile.length > 0) {
    const wanted = ofFile.map(({ name }) => name);
    for (const [i, set] of feeds.entries()) add(i, await file.run(set, wanted));
  }
  if (ofGraph.length > 0) {
    const found = await runGraph(engine, { ...graph, outputs: ofGraph }, feeds);
    for (const [i, set] of found.entries()) add(i, set);
  }
  return { heads, sets: sets.map((set) => heads.map(({ name }) => set.get(name)!)) };
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
