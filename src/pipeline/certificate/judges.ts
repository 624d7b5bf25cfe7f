import type { JobListener } from '../../contract.js';
import type { Engine } from '../../engine/index.js';
import { EspalierError } from '../../errors.js';
import type { Graph } from '../../graph/graph.js';
import { ownValues } from './corresponding-values.js';
import { describeRelative } from './difference.js';
import { firstDifference, type LayerDifference } from './first-difference.js';
import { type Forward, forwardDifference, runForward } from './forward.js';
import { ALLOWANCE, CERTIFICATE_LIMIT, DISAGREEMENT } from './limits.js';
import type { OpenFile, OriginalFile } from './original-file.js';
import type { OtherEngine } from './other-engines.js';
import type { SampleFeeds } from './sample-feeds.js';

/** What holds the delivered file against the masked original, settled on the original before any work. */
export interface Judges {
  /** Computes what must come out: the full graph with masks. */
  readonly masked: Engine;
  /** Computes the graph that is read from the delivered file, where the file isn't run as it is. */
  readonly delivered: Engine;
  /** Runs a file's own bytes; undefined where onnxruntime can't, or the file is none of its own. */
  readonly openFile: OpenFile | undefined;
  /** How far the original's outputs on two engines differ; null where there were no two. */
  readonly original: number | null;
  /** How far the delivered file may differ. */
  readonly limit: number;
  /** Why the two sides aren't as independent as they might be. */
  readonly reasons: readonly string[];
}

export interface JudgeOptions {
  /** What the job would train on. */
  readonly training: Engine;
  /** On the CPU. */
  readonly onnxruntime: Engine;
  /** In the order of preference. */
  readonly others: readonly OtherEngine[];
  /** The original. */
  readonly graph: Graph;
  readonly file: OriginalFile;
  readonly feeds: SampleFeeds;
  readonly listener: Pick<JobListener, 'warning'>;
  readonly signal: AbortSignal;
}

export interface Settled {
  readonly judges: Judges;
  /** What the job goes on with: the training engine, unless it disagrees with onnxruntime. */
  readonly engine: Engine;
}

/**
 * Settles what the certificate runs on, by the original's own outputs: the training engine and onnxruntime, where they are
 * two; else onnxruntime and the first of the others that agrees with it. An engine that disagrees is named in a warning,
 * and neither trains nor judges: delivered files run on onnxruntime, so it is the one that counts.
 * @throws EspalierError MODEL_INVALID where the original's outputs are not finite; CERTIFICATE_FAILED where the graph that
 *   was read is not what onnxruntime makes of the file; the signal's reason, between two engines
 */
export async function settleJudges(options: JudgeOptions): Promise<Settled> {
  const { training, onnxruntime, others, graph, file, feeds, signal } = options;
  let forward: Promise<Forward> | undefined;
  // Only where there is something to hold against it: large models take their time.
  const reference = (): Promise<Forward> => {
    forward ??= runForward({ graph, engine: onnxruntime }, feeds);
    return forward;
  };
  const running = await file.check(graph, reference, feeds);
  const openFile = 'open' in running ? running.open : undefined;
  const reasons = 'reason' in running && running.reason !== undefined ? [running.reason] : [];
  let disagreement: number | undefined;

  const settled = (engine: Engine, pair: Pick<Judges, 'masked' | 'delivered'>, difference?: number): Settled => {
    const limit = difference === undefined ? CERTIFICATE_LIMIT : Math.max(CERTIFICATE_LIMIT, ALLOWANCE * difference);
    const original = difference ?? disagreement ?? null;
    return { engine, judges: { ...pair, openFile, original, limit, reasons } };
  };
  const differenceOf = async (found: Forward): Promise<number> => forwardDifference(found, await reference()).relative;
  const distrust = async (engine: Engine, difference: number): Promise<void> => {
    disagreement ??= difference;
    reasons.push(await warnOfDisagreement(options, engine, difference));
  };

  const delegated = await training.delegate?.(graph);
  if (delegated) reasons.push(`${training.name} doesn't compute this model: ${delegated.reason}`);
  const computing = delegated?.engine ?? training;
  let engine = training;
  signal.throwIfAborted();
  if (computing.name !== onnxruntime.name) {
    const difference = await differenceOf(await runForward({ graph, engine: training }, feeds));
    if (difference <= DISAGREEMENT) return settled(training, { masked: training, delivered: onnxruntime }, difference);
    await distrust(training, difference);
    engine = onnxruntime;
  }
  for (const other of others.filter(({ name }) => name !== training.name)) {
    signal.throwIfAborted();
    const found = await tryOther(other, graph, feeds);
    if ('reason' in found) {
      reasons.push(found.reason);
      continue;
    }
    const difference = await differenceOf(found.forward);
    if (difference <= DISAGREEMENT) {
      // A file's own bytes are run by onnxruntime: then the other engine has the masked side.
      const pair = openFile
        ? { masked: found.engine, delivered: onnxruntime }
        : { masked: engine, delivered: found.engine };
      return settled(engine, pair, difference);
    }
    await distrust(found.engine, difference);
  }
  return settled(engine, { masked: onnxruntime, delivered: onnxruntime });
}

async function tryOther(
  other: OtherEngine,
  graph: Graph,
  feeds: SampleFeeds,
): Promise<{ engine: Engine; forward: Forward } | { reason: string }> {
  const engine = await other.open();
  if ('reason' in engine) return engine;
  try {
    return { engine, forward: await runForward({ graph, engine }, feeds) };
  } catch (error) {
    if (!(error instanceof EspalierError) || error.code !== 'LAYER_UNSUPPORTED') throw error;
    return { reason: `${other.name} doesn't compute this model: ${error.message}` };
  }
}

/** @returns why the engine judges nothing */
async function warnOfDisagreement(options: JudgeOptions, engine: Engine, difference: number): Promise<string> {
  const layer = describeLayer(await disagreeingLayer(options, engine));
  const much = describeRelative(difference);
  const what = `${engine.name} and onnxruntime differ by ${much} of the outputs' spread on the original model`;
  const message = `${what}, ${DISAGREEMENT} is allowed; ${layer}. The job is computed with onnxruntime`;
  options.listener.warning({ code: 'ENGINES_DISAGREE', message });
  return what;
}

async function disagreeingLayer(
  { graph, feeds, onnxruntime }: JudgeOptions,
  engine: Engine,
): Promise<LayerDifference | undefined> {
  const values = ownValues(graph);
  for (const set of [...feeds.usual, ...feeds.unusual]) {
    const found = await firstDifference({ graph, engine }, { graph, engine: onnxruntime }, values, set, DISAGREEMENT);
    if (found) return found;
  }
  return undefined;
}

/** For messages. */
export function describeLayer(found: LayerDifference | undefined): string {
  if (!found) return 'no layer by itself shows it';
  return `the first layer that differs is ${found.layer} (${found.op}), by ${describeRelative(found.relative)}`;
}
