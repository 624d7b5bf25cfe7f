import type { JobListener, JobResult } from '../../contract.js';
import type { Engine, ModelFile } from '../../engine/index.js';
import { EspalierError } from '../../errors.js';
import type { FileSet } from '../../formats/index.js';
import type { Graph } from '../../graph/graph.js';
import { correspondingValues, type KeptIndices } from './corresponding-values.js';
import { type Difference, describeRelative } from './difference.js';
import { firstDifference } from './first-difference.js';
import { forwardDifference, runForward, type Side } from './forward.js';
import { describeLayer, type Judges } from './judges.js';
import type { SampleFeeds } from './sample-feeds.js';

export type Equivalence = NonNullable<JobResult['equivalence']>;

/** What a job is about to deliver, read back from the bytes. */
export interface Delivery {
  readonly written: Graph;
  readonly files: FileSet;
  /** For files of quantized weights: the same model written by the same writer with weights that are not rounded. */
  readonly dequantized?: Graph;
}

/** What the delivery has to compute: the full graph with masks. */
export interface MaskedOriginal {
  readonly graph: Graph;
  /** The graph without masks. */
  readonly full: Graph;
  readonly kept: KeptIndices;
}

/**
 * The certificate of a job: what was written and read back, against the masked original, on sample feeds, each on an engine
 * of its own where there are two. Outputs correspond by position. It is taken before quantized weights are rounded again;
 * how much the rounding changes is measured beside it.
 * @throws EspalierError CERTIFICATE_FAILED, naming the first layer that differs, unless it holds
 */
export async function certify(
  delivery: Delivery,
  original: MaskedOriginal,
  judges: Judges,
  feeds: SampleFeeds,
  listener: Pick<JobListener, 'log'>,
): Promise<Equivalence> {
  const tested = delivery.dequantized ?? delivery.written;
  const file = delivery.dequantized ? undefined : await openDelivered(judges, delivery.files);
  const masked: Side = { graph: original.graph, engine: judges.masked };
  const delivered: Side = { graph: tested, engine: judges.delivered, file };
  const engines = await enginesOf(masked, delivered, judges);
  listener.log(`certificate: ${describeEngines(engines)}; a difference of ${judges.limit} is allowed`);
  let difference: Difference;
  try {
    difference = forwardDifference(await runForward(delivered, feeds), await runForward(masked, feeds));
  } finally {
    await file?.release();
  }
  const { limit } = judges;
  const all = [...feeds.usual, ...feeds.unusual];
  const samples = all.reduce((n, set) => n + (set.values().next().value?.shape[0] ?? 0), 0);
  const equivalence = { ...difference, samples, ok: difference.relative <= limit, limit, engines };
  if (!equivalence.ok) {
    const where = await differingLayer(delivered, masked, original, judges, feeds);
    const [of, by] = engines.names;
    throw new EspalierError(
      'CERTIFICATE_FAILED',
      `the written model (on ${by}) differs from the masked one (on ${of}) by ${describeRelative(difference.relative)} of its outputs' spread, ${limit} is allowed; ${where}`,
    );
  }
  if (!delivery.dequantized) return equivalence;
  const usual = { usual: feeds.usual, unusual: [] };
  const rounding = forwardDifference(
    await runForward({ graph: delivery.written, engine: judges.delivered }, usual),
    await runForward({ graph: delivery.dequantized, engine: judges.delivered }, usual),
  );
  return { ...equivalence, quantization_error: rounding.relative };
}

/**
 * What onnxruntime did with the file that came in, it has to do with the one that was written.
 * @throws EspalierError CERTIFICATE_FAILED where it doesn't, now or when it runs
 */
async function openDelivered({ openFile }: Judges, files: FileSet): Promise<ModelFile | undefined> {
  const refused = (cause: unknown): EspalierError => {
    const said = cause instanceof Error ? cause.message : String(cause);
    const message = `onnxruntime runs the file that came in and not the one that was written: ${said}`;
    return new EspalierError('CERTIFICATE_FAILED', message, { cause });
  };
  try {
    const file = await openFile?.(files);
    return file && { ...file, run: (...args) => file.run(...args).catch((cause) => Promise.reject(refused(cause))) };
  } catch (cause) {
    throw refused(cause);
  }
}

async function enginesOf(
  masked: Side,
  delivered: Side,
  { original, reasons }: Judges,
): Promise<Equivalence['engines']> {
  const names = [await computing(masked), delivered.file ? 'onnxruntime' : await computing(delivered)];
  const same = names[0] === names[1];
  const [first] = names;
  const said = same && reasons.length === 0 ? [`this network with masks is computed by ${first} alone`] : reasons;
  const needed = same || !delivered.file ? said : [];
  return {
    names: [names[0], names[1]],
    original: original !== null && Number.isFinite(original) ? original : null,
    delivered: delivered.file ? 'file' : 'graph',
    ...(needed.length > 0 ? { reason: needed.join('; ') } : {}),
  };
}

async function computing({ graph, engine }: { graph: Graph; engine: Engine }): Promise<string> {
  return (await engine.delegate?.(graph))?.engine.name ?? engine.name;
}

function describeEngines({ names, original, delivered, reason }: Equivalence['engines']): string {
  const what = delivered === 'file' ? 'the delivered file itself' : 'what is read from the delivered file';
  const sides = `the masked original runs on ${names[0]}, ${what} on ${names[1]}`;
  const differ = names[0] === names[1] ? '' : `, which differ by ${original} on the original`;
  return sides + differ + (reason === undefined ? '' : ` (${reason})`);
}

async function differingLayer(
  delivered: Side,
  masked: Side,
  { full, kept }: MaskedOriginal,
  { limit }: Judges,
  feeds: SampleFeeds,
): Promise<string> {
  const values = correspondingValues(delivered.graph, full, kept);
  for (const set of [...feeds.usual, ...feeds.unusual]) {
    const found = await firstDifference(delivered, masked, values, set, limit);
    if (found) return describeLayer(found);
  }
  if (!delivered.file) return describeLayer(undefined);
  return 'layer by layer the graph that is read from it agrees: onnxruntime reads the file otherwise';
}
