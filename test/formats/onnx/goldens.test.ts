/** The original's toys: half of every unit, written, read again, and taken by onnxruntime and onnx.checker. */
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { describeShared } from '../../shared.js';
import { checkOnnxFile, hasChecker } from './checker.js';
import { prune } from './prune-file.js';

describeShared("the original's toys", 'goldens/mmrazor', (folder) => {
  test.each(readdirSync(folder).filter((file) => file.endsWith('.onnx')))('%s', async (file) => {
    await prune(new Uint8Array(readFileSync(join(folder, file))));
  });
});

test.skipIf(!hasChecker)('what onnx.checker finds in a file is told, and it goes on with the next', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'espalier-onnx-')), 'empty.onnx');
  writeFileSync(path, '');
  for (let i = 0; i < 2; i++) await expect(checkOnnxFile(path)).rejects.toThrow(/empty\.onnx: .*(ir_version|opset)/);
});
