/** The nets whose accuracy is measured. */
import { join } from 'node:path';
import { TRAINED_MODELS } from '../folders.js';
import { RESIDUAL, type Recipe, TRANSFORMER } from './recipes.js';
import { trainedNet } from './trained-net.js';

export const NETS = ['plain', 'residual', 'depthwise', 'transformer'] as const;
/** Training the transformer takes hours. */
export const USUAL_NETS: readonly NetName[] = ['plain', 'residual', 'depthwise'];
export type NetName = (typeof NETS)[number];

const FOUND: Partial<Record<NetName, string>> = { plain: 'cifar-plain.onnx', depthwise: 'cifar-mobile.onnx' };
const TRAINED: Partial<Record<NetName, Recipe>> = { residual: RESIDUAL, transformer: TRANSFORMER };

export interface Net {
  readonly name: NetName;
  readonly path: string;
  /** What was trained here took so much CPU. */
  readonly trainedSeconds?: number;
}

/** @param told hears of a training, once an epoch */
export async function openNet(name: NetName, told: (line: string) => void): Promise<Net> {
  const found = FOUND[name];
  if (found !== undefined) return { name, path: join(TRAINED_MODELS, found) };
  const { path, cpuSeconds } = await trainedNet(TRAINED[name]!, told);
  return { name, path, trainedSeconds: cpuSeconds };
}
