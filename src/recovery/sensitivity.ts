import type { Engine } from '../engine/engine.js';
import type { Graph } from '../graph/graph.js';
import { replaceConstants } from '../graph/passes/replace-constants.js';
import type { Tensor } from '../graph/tensor.js';
import { compensate } from './compensation.js';
import { divergence, outputsOf } from './divergence.js';
import type { Reading } from './readings.js';
import type { Block } from './sequence.js';
import { Tails } from './tails.js';

/** A network with one unit narrower than it was. */
export interface Trial {
  readonly unit: string;
  readonly kept: number;
  /** Of the unit's channels: 0 for those that went. */
  readonly mask: Uint8Array;
  /** The mask that the weights are for; absent where those are of all channels. */
  readonly before?: Uint8Array;
  readonly graph: Graph;
  /** Full tensors as the narrower network has them. */
  slice(full: ReadonlyMap<string, Tensor>): ReadonlyMap<string, Tensor>;
}

export type Readings = ReadonlyMap<string, readonly Reading[]>;

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
  readings: Readings,
  blocks: readonly Block[],
  trials: readonly (() => Trial)[],
  { engine, signal, onProgress }: SensitivityOptions,
): Promise<Map<string, { readonly kept: number; readonly loss: number }[]>> {
  const tails = new Tails(original, blocks, engine);
  const wanted = await tails.original();
  const curves = new Map<string, { readonly kept: number; readonly loss: number }[]>();
  for (const [i, make] of trials.entries()) {
    signal?.throwIfAborted();
    const trial = make();
    const found = await tails.outputsOf(narrowed(trial, readings, (id) => original.constants.get(id)!.tensor));
    const loss = divergence(original, found, wanted);
    curves.set(trial.unit, [...(curves.get(trial.unit) ?? []), { kept: trial.kept, loss }]);
    onProgress?.((i + 1) / trials.length);
  }
  return curves;
}

/** A network that channels went from, and whose weights were set anew. */
export interface PrunedNetwork {
  readonly graph: Graph;
  /** Of the original's shapes, by constant id. */
  readonly weights: ReadonlyMap<string, Tensor>;
}

export interface Losses {
  /** How far the pruned network's outputs are from the original's. */
  readonly loss: number;
  /** How far those of the trials are, in their order. */
  readonly tried: readonly number[];
}

/**
 * What a pruned network loses when one unit alone goes on to fewer channels. What is read there is taken to be what the original's layers
 * read: the weights that are left were set to that.
 * @param trialsAt what is tried of a network that is so far from the original
 */
export async function measureLosses(
  original: Graph,
  { graph, weights }: PrunedNetwork,
  readings: Readings,
  blocks: readonly Block[],
  trialsAt: (loss: number) => readonly (() => Trial)[],
  { engine, signal, onProgress }: SensitivityOptions,
): Promise<Losses> {
  const wanted = await outputsOf(original, blocks, engine);
  const lossOf = async (pruned: Graph): Promise<number> => {
    signal?.throwIfAborted();
    return divergence(original, await outputsOf(pruned, blocks, engine), wanted);
  };
  const loss = await lossOf(graph);
  const trials = trialsAt(loss);
  const tried: number[] = [];
  for (const make of trials) {
    tried.push(await lossOf(narrowed(make(), readings, (id) => weights.get(id)!)));
    onProgress?.(tried.length / trials.length);
  }
  return { loss, tried };
}

/** The trial's network, with the layers that read the unit set to make up for what went. */
function narrowed(
  { unit, mask, before, graph, slice }: Trial,
  readings: Readings,
  weights: (id: string) => Tensor,
): Graph {
  const full = new Map<string, Tensor>();
  // One layer may read the unit several times: each goes on from what the one before left.
  const current = (id: string): Tensor => full.get(id) ?? weights(id);
  for (const reading of readings.get(unit) ?? []) {
    for (const [id, tensor] of compensate(reading, mask, current, before)) full.set(id, tensor);
  }
  return replaceConstants(graph, slice(full));
}
