import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { openEngine } from '../../../src/engine/index.js';
import { fileSetOf } from '../../../src/formats/index.js';
import { ONNX } from '../../../src/formats/onnx/index.js';
import type { Tensor } from '../../../src/graph/tensor.js';
import { verify } from '../../../src/graph/verify.js';
import { describeShared } from '../../shared.js';
import { goldenError, readGolden } from '../../support/golden.js';

/** The one `.onnx` file of a folder, as an upload. */
function upload(folder: string) {
  const name = readdirSync(folder).find((file) => file.endsWith('.onnx'))!;
  return fileSetOf(new Map([[name, new Uint8Array(readFileSync(join(folder, name)))]]));
}

describeShared('third-party ONNX models', 'models/onnx', (folder) => {
  describe.each(readdirSync(folder))('%s', (name) => {
    test('is read, and computes what its runtime computed', async () => {
      const model = await ONNX.read(upload(join(folder, name)));
      verify(model.graph);
      const { inputs, outputs } = readGolden(join(folder, name));
      const engine = await openEngine({ engine: 'onnxruntime', threads: 1 });
      const compiled = await engine.compile(model.graph);
      const found = await compiled.run(new Map(model.graph.inputs.map((id, i) => [id, inputs[i]])));
      expect(outputs.map((o) => o.name)).toEqual([...found.keys()]);
      for (const golden of outputs)
        expect(goldenError(found.get(golden.name) as Tensor<'float32'>, golden), golden.name).toBeLessThan(1e-5);
      await compiled.release();
    });
  });
});
