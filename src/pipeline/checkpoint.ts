import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Tensor } from '../graph/tensor.js';
import type { MutatorState } from '../pruning/index.js';
import type { ScheduleRow } from '../report/unit-report.js';
import type { Importances } from './build-report.js';
import type { Evaluation } from './evaluation.js';
import { decodeSafetensors, encodeSafetensors } from './safetensors.js';
import type { OptimizerSlots } from './training-session.js';

/** Everything a job needs to go on as if it had never stopped. Tensors have the *full* model's shapes. */
export interface Checkpoint {
  /** Of model, data set and config: a checkpoint of anything else is not resumed. */
  readonly fingerprint: string;
  /** Epochs done. */
  readonly epoch: number;
  /** Optimizer steps done; shuffling and dropout derive from it and the seed, so there is no generator state. */
  readonly steps: number;
  /** Masks in force: they can't be computed anew, since weights have been trained after they were chosen. */
  readonly masks: MutatorState;
  readonly schedule: readonly ScheduleRow[];
  /** Those that the masks were chosen by. */
  readonly importances: Importances;
  /** On the validation part, at the end of the last epoch. */
  readonly score: Evaluation;
  readonly constants: ReadonlyMap<string, Tensor>;
  readonly slots: OptimizerSlots;
}

const FILE = 'checkpoint.safetensors';

/** Written to a temporary name, fsynced, renamed: a kill leaves the old checkpoint or the new one. */
export async function saveCheckpoint(folder: string, checkpoint: Checkpoint): Promise<void> {
  const { constants, slots, ...rest } = checkpoint;
  const tensors = new Map([
    ...[...constants].map(([id, t]) => [`constant/${id}`, t] as const),
    ...[...slots].flatMap(([slot, byId]) => [...byId].map(([id, t]) => [`slot/${slot}/${id}`, t] as const)),
  ]);
  const bytes = encodeSafetensors(tensors, { checkpoint: JSON.stringify(rest) });
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
  const rest = JSON.parse(metadata.checkpoint) as Omit<Checkpoint, 'constants' | 'slots'>;
  if (rest.fingerprint !== fingerprint) return undefined;
  const constants = new Map<string, Tensor>();
  const slots = new Map<string, Map<string, Tensor>>();
  for (const [name, tensor] of tensors) {
    const [kind, ...path] = name.split('/');
    if (kind === 'constant') {
      constants.set(path.join('/'), tensor);
    } else {
      const [slot, ...id] = path;
      slots.set(slot, (slots.get(slot) ?? new Map<string, Tensor>()).set(id.join('/'), tensor));
    }
  }
  return { ...rest, constants, slots };
}
