/** The original's toys: half of every unit, written, read again, and taken by onnxruntime and onnx.checker. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'vitest';
import { describeShared } from '../../shared.js';
import { prune } from './prune-file.js';

describeShared("the original's toys", 'goldens/mmrazor', (folder) => {
  test.each(readdirSync(folder).filter((file) => file.endsWith('.onnx')))('%s', async (file) => {
    await prune(new Uint8Array(readFileSync(join(folder, file))));
  });
});
