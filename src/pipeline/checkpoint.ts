import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Tensor } from '../graph/tensor.js';
import type { MutatorState } from '../pruning/index.js';
import type { ScheduleRow } from '../report/unit-report.js';
import type { BestPoint } from './best-point.js';
import type { Importances } from './build-report.js';
import type { Evaluation } from './evaluation.js';
import { decodeSafetensors, encodeSafetensors } from './safetensors.js';
import type { TrainerState } from './subnet-trainer.js';

/**
 * Everything a job needs to go on as if it had never stopped. Tensors have the *full* model's shapes. The order of samples,
 * dropout and the learning rate follow from the seed, the epoch and the step; augmentation has a generator's state.
 */
export interface Checkpoint extends TrainerState {
  /** Of model, data set and config: a checkpoint of anything else is not resumed. */
  readonly fingerprint: string;
  /** Epochs done. */
  readonly epoch: number;
  /** Masks in force: they can't be computed anew, since weights have been trained after they were chosen. */
  readonly masks: MutatorState;
  readonly schedule: readonly ScheduleRow[];
  /** Those that the masks were chosen by. */
  readonly importances: Importances;
  /** On the validation part, at the end of the last epoch. */
  readonly score: Evaluation;
  readonly constants: ReadonlyMap<string, Tensor>;
}

/** What is no tensor. */
type Plain = Omit<Checkpoint, 'constants' | 'slots' | 'stopping'> & {
  readonly stopping: Omit<TrainerState['stopping'], 'best'> & { readonly best?: Omit<BestPoint, 'constants'> };
};

const FILE = 'checkpoint.safetensors';

/** Written to a temporary name, fsynced, renamed: a kill leaves the old checkpoint or the new one. */
export async function saveCheckpoint(folder: string, checkpoint: Checkpoint): Promise<void> {
  const { constants, slots, stopping, ...rest } = checkpoint;
  const { best, ...waiting } = stopping;
  const { constants: bestConstants = new Map<string, Tensor>(), ...bestPoint } = best ?? {};
  const tensors = new Map([
    ...[...constants].map(([id, t]) => [`constant/${id}`, t] as const),
    ...[...slots].flatMap(([slot, byId]) => [...byId].map(([id, t]) => [`slot/${slot}/${id}`, t] as const)),
    ...[...bestConstants].map(([id, t]) => [`best/${id}`, t] as const),
  ]);
  const plain = { ...rest, stopping: { ...waiting, ...(best ? { best: bestPoint } : {}) } };
  const bytes = encodeSafetensors(tensors, { checkpoint: JSON.stringify(plain) });
  const temporary = join(folder, `${FILE}.tmp`);
  const file = await open(temporary, 'w');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, join(folder, FILE));
}

/** The checkpoint in `folder`, unless there is none or it belongs to another fingerprint. */
export async function findCheckpoint(folder: string, fingerprint: string): Promise<Checkpoint | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(join(folder, FILE));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const { tensors, metadata } = decodeSafetensors(bytes);
  const { stopping, ...rest } = JSON.parse(metadata.checkpoint) as Plain;
  if (rest.fingerprint !== fingerprint) return undefined;
  const constants = new Map<string, Tensor>();
  const slots = new Map<string, Map<string, Tensor>>();
  const best = new Map<string, Tensor>();
  for (const [name, tensor] of tensors) {
    const [kind, ...path] = name.split('/');
    if (kind === 'slot') {
      const [slot, ...id] = path;
      slots.set(slot, (slots.get(slot) ?? new Map<string, Tensor>()).set(id.join('/'), tensor));
    } else {
      (kind === 'best' ? best : constants).set(path.join('/'), tensor);
    }
  }
  const { best: point, ...waiting } = stopping;
  return {
    ...rest,
    constants,
    slots,
    stopping: { ...waiting, ...(point ? { best: { ...point, constants: best } } : {}) },
  };
}
