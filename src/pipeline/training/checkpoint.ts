import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Warning } from '../../contract.js';
import type { Tensor } from '../../graph/tensor.js';
import type { MutatorState } from '../../pruning/index.js';
import type { ScheduleRow } from '../../report/unit-report.js';
import { writeDurably } from '../durable-file.js';
import type { StageLogState } from '../measuring/stage-log.js';
import type { Importances } from '../stages/report-rows.js';
import type { BestPoint } from './best-point.js';
import { decodeSafetensors, encodeSafetensors } from './safetensors.js';
import type { TrainerState } from './subnet-trainer.js';

/**
 * Everything a job needs to go on as if it had never stopped. Tensors have the *full* model's shapes. The order of samples,
 * dropout and the learning rate follow from the seed, the epoch and the step; augmentation has a generator's state.
 */
export interface Checkpoint extends TrainerState {
  /** Of model, data set and config: a checkpoint of anything else is not resumed. */
  readonly fingerprint: string;
  /** Epochs done, to their end. */
  readonly epoch: number;
  /** Masks in force: they can't be computed anew, since weights have been trained after they were chosen. */
  readonly masks: MutatorState;
  readonly schedule: readonly ScheduleRow[];
  /** Those that the masks were chosen by. */
  readonly importances: Importances;
  /** What the steps so far gave. */
  readonly stages: StageLogState;
  /** Those that what was done has told: it is not done again. */
  readonly warnings: readonly Warning[];
  readonly constants: ReadonlyMap<string, Tensor>;
}

/** What is no tensor. */
type Plain = Omit<Checkpoint, 'constants' | 'slots' | 'stopping'> & {
  readonly stopping: Omit<TrainerState['stopping'], 'best'> & { readonly best?: Omit<BestPoint, 'constants'> };
};

/** The end of the last epoch, which a canceled job goes back to, and a point in an epoch. */
const EPOCH_END = 'checkpoint.safetensors';
const WITHIN_EPOCH = 'checkpoint-within-epoch.safetensors';

/** A kill leaves the old checkpoint or the new one. */
export async function saveCheckpoint(folder: string, checkpoint: Checkpoint): Promise<void> {
  const { constants, slots, stopping, ...rest } = checkpoint;
  const { best, ...waiting } = stopping;
  const { constants: bestConstants = new Map<string, Tensor>(), ...bestPoint } = best ?? {};
  const tensors = new Map([
    ...[...constants].map(([id, t]) => [`constant/${id}`, t] as const),
    ...[...slots].flatMap(([slot, byId]) => [...byId].map(([id, t]) => [`slot/${slot}/${id}`, t] as const)),
    ...[...bestConstants].map(([id, t]) => [`best/${id}`, t] as const),
  ]);
  const plain = JSON.stringify({ ...rest, stopping: { ...waiting, ...(best ? { best: bestPoint } : {}) } });
  const bytes = encodeSafetensors(tensors, { checkpoint: plain, sha256: digest(tensors, plain) });
  const name = checkpoint.within ? WITHIN_EPOCH : EPOCH_END;
  await writeDurably(folder, name, bytes);
}

/** `onDamaged` hears of a file that is not what was written; it counts as none. */
type Place = [folder: string, fingerprint: string, onDamaged: (message: string) => void];

/** The newest checkpoint in a folder, unless there is none or all belong to other fingerprints. */
export async function findCheckpoint(...place: Place): Promise<Checkpoint | undefined> {
  const found = [await readCheckpoint(EPOCH_END, ...place), await readCheckpoint(WITHIN_EPOCH, ...place)];
  return found.reduce((newest, each) => (each && each.steps > (newest?.steps ?? -1) ? each : newest));
}

/** The checkpoint of the last epoch's end. */
export function findEpochEnd(...place: Place): Promise<Checkpoint | undefined> {
  return readCheckpoint(EPOCH_END, ...place);
}

async function readCheckpoint(
  name: string,
  ...[folder, fingerprint, onDamaged]: Place
): Promise<Checkpoint | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(join(folder, name));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    if (code !== 'EIO') throw error;
    onDamaged(`${name} cannot be read (${message})`);
    return undefined;
  }
  try {
    const checkpoint = decode(bytes);
    return checkpoint.fingerprint === fingerprint ? checkpoint : undefined;
  } catch (error) {
    // A sound file that memory is too short for must not be taken for a damaged one, and lost.
    if (error instanceof RangeError && error.message.includes('allocation failed')) throw error;
    onDamaged(`${name} is damaged (${(error as Error).message})`);
    return undefined;
  }
}

/** @throws Error saying how the bytes are not those of a checkpoint */
function decode(bytes: Uint8Array): Checkpoint {
  const { tensors, metadata } = decodeSafetensors(bytes);
  if (metadata.sha256 !== digest(tensors, metadata.checkpoint)) throw new Error('its SHA-256 is another');
  const { stopping, ...rest } = JSON.parse(metadata.checkpoint) as Plain;
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

/** Of all that a checkpoint holds: a disk's fault in a weight would otherwise be trained on. */
function digest(tensors: ReadonlyMap<string, Tensor>, plain: string | undefined): string {
  const hash = createHash('sha256').update(plain ?? '');
  for (const [name, { dtype, shape, data }] of tensors) {
    hash.update(`\n${JSON.stringify([name, dtype, shape])}\n`);
    hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  return hash.digest('hex');
}
