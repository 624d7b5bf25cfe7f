import type { Engine } from '../engine/engine.js';
import { EspalierError } from '../errors.js';
import type { Graph } from '../graph/graph.js';
import type { Tensor } from '../graph/tensor.js';

export interface Equivalence {
  readonly max_abs_diff: number;
  /** `max|a−b| / max|b|`, the worst of the outputs; b is the masked forward. */
  readonly relative: number;
  readonly samples: number;
  readonly ok: boolean;
}

/** A job above this is failed, never delivered. */
export const CERTIFICATE_LIMIT = 1e-4;

/**
 * The certificate of a job: `written`, read back from the file that will be delivered, against `masked`, the full graph
 * with masks. Both are graphs with the same inputs and output names; the first dimension of `feeds` is the batch.
 */
export async function compareForward(
  engine: Engine,
  written: Graph,
  masked: Graph,
  feeds: ReadonlyMap<string, Tensor>,
): Promise<Equivalence> {
  const a = await runOnce(engine, written, feeds);
  const b = await runOnce(engine, masked, feeds);
  let maxAbsDiff = 0;
  let relative = 0;
  for (const [name, want] of b) {
    const got = a.get(name);
    if (!got || got.data.length !== want.data.length) {
      throw new EspalierError(
        'CERTIFICATE_FAILED',
        `output ${name} has shape [${got?.shape}] in the written file, [${want.shape}] in the masked model`,
      );
    }
    let diff = 0;
    let scale = 0;
    for (let i = 0; i < want.data.length; i++) {
      const d = Math.abs(Number(got.data[i]) - Number(want.data[i]));
      if (!(d <= diff)) diff = d; // also takes NaN
      scale = Math.max(scale, Math.abs(Number(want.data[i])));
      if (Number.isNaN(d)) break;
    }
    if (!(diff <= maxAbsDiff)) maxAbsDiff = diff;
    const share = scale > 0 ? diff / scale : diff;
    if (!(share <= relative)) relative = share;
  }
  const samples = feeds.values().next().value?.shape[0] ?? 0;
  return { max_abs_diff: maxAbsDiff, relative, samples, ok: relative <= CERTIFICATE_LIMIT };
}

/** @throws EspalierError CERTIFICATE_FAILED unless the certificate holds */
export function requireEquivalence(equivalence: Equivalence): void {
  if (!equivalence.ok) {
    throw new EspalierError(
      'CERTIFICATE_FAILED',
      `the written model differs from the masked one by ${equivalence.relative} of its largest output; ${CERTIFICATE_LIMIT} is allowed`,
    );
  }
}

async function runOnce(engine: Engine, graph: Graph, feeds: ReadonlyMap<string, Tensor>): Promise<Map<string, Tensor>> {
  const compiled = await engine.compile(graph);
  try {
    return await compiled.run(feeds);
  } finally {
    await compiled.release();
  }
}
