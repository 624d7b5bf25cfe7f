import type { Engine } from '../engine/engine.js';
import type { Graph } from '../graph/graph.js';
import { replaceConstants } from '../graph/passes/replace-constants.js';
import type { Tensor } from '../graph/tensor.js';
import { compensate } from './compensation.js';
import { divergence } from './divergence.js';
import type { Reading } from './readings.js';
import type { Block } from './sequence.js';
import { Tails } from './tails.js';

/** The network with one unit alone made narrower. */
export interface Trial {
  readonly unit: string;
  readonly kept: number;
  /** Of the unit's channels: 0 for those that went. */
  readonly mask: Uint8Array;
  readonly graph: Graph;
  /** Full tensors as the narrower network has them. */
  slice(full: ReadonlyMap<string, Tensor>): ReadonlyMap<string, Tensor>;
}

export interface SensitivityOptions {
  readonly engine: Engine;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((share: number) => void) | undefined;
}

/**
 * What a network loses when one unit alone keeps fewer channels, and those stand for the others as well as they can: how far its outputs
 * are from the original's. Without that, units would be told apart by what recovery mends.
 * @param trials made when they are needed, one after the other
 * @returns by unit, in the order of the trials
 */
export async function measureSensitivities(
  original: Graph,
  readings: ReadonlyMap<string, readonly Reading[]>,
  blocks: readonly Block[],
  trials: readonly (() => Trial)[],
  { engine, signal, onProgress }: SensitivityOptions,
): Promise<Map<string, { readonly kept: number; readonly loss: number }[]>> {
  const tails = new Tails(original, blocks, engine);
  const wanted = await tails.original();
  const curves = new Map<string, { readonly kept: number; readonly loss: number }[]>();
  for (const [i, make] of trials.entries()) {
    signal?.throwIfAborted();
    const { unit, kept, mask, graph, slice } = make();
    const full = new Map<string, Tensor>();
    // One layer may read the unit several times: each goes on from what the one before left.
    const current = (id: string): Tensor => full.get(id) ?? original.constants.get(id)!.tensor;
    for (const reading of readings.get(unit) ?? []) {
      for (const [id, tensor] of compensate(reading, mask, current)) full.set(id, tensor);
    }
    const found = await tails.outputsOf(replaceConstants(graph, slice(full)));
    const loss = divergence(original, found, wanted);
    curves.set(unit, [...(curves.get(unit) ?? []), { kept, loss }]);
    onProgress?.((i + 1) / trials.length);
  }
  return curves;
}
