import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { ReadOptions } from '../../src/formats/format.js';
import { fileSetOf, type LoadedModel } from '../../src/formats/index.js';
import { ONNX } from '../../src/formats/onnx/index.js';

/** Reads an `.onnx` file of the disk. */
export function readOnnx(path: string): Promise<LoadedModel> {
  return readOnnxBytes(new Uint8Array(readFileSync(path)), basename(path));
}

/** Reads the bytes of an `.onnx` file. */
export function readOnnxBytes(bytes: Uint8Array, name = 'model.onnx', options: ReadOptions = {}): Promise<LoadedModel> {
  return ONNX.read(fileSetOf(new Map([[name, bytes]])), options);
}
