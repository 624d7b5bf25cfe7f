/** Whole jobs on third-party LayersModels, without data: half of the MACs, certified, and loaded by stock TensorFlow.js. */
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openFileSet } from '../../../src/archive/index.js';
import { createOnnxRuntimeEngine } from '../../../src/engine/onnxruntime/index.js';
import { detectFormat } from '../../../src/formats/index.js';
import { type Tensor, tensor } from '../../../src/graph/tensor.js';
import { CPU_ENGINE } from '../../engine/cpu-engine.js';
import { relativeError, runStock } from '../../formats/run-graph.js';
import { describeShared } from '../../shared.js';
import { loadStock, useCpu, useWasm } from '../../support/tfjs.js';
import { runWholeJob } from '../../support/whole-job.js';

interface Case {
  /** Units that the report lists as prunable. */
  readonly units: number;
  readonly config?: { outputs: string[] };
  /** Extent that is written into the file in place of the declared one. */
  readonly extent?: number;
  /** The WASM backend lacks the model's ops. */
  readonly onCpu?: true;
}

const MODELS: Readonly<Record<string, Case>> = {
  'tensorspace-mnist-keras': { units: 4, config: { outputs: ['Softmax'] } },
  'ml5-doodlenet-345': { units: 7 },
  'ml5-darknet-tiny': { units: 15 },
  'teachable-machine-tiny-image': { units: 15 },
  'brainchop-meshnet11-gwm': { units: 8, extent: 16, onCpu: true },
};

/** The model's files in a folder of their own, with another extent declared where one is given. */
async function modelFolder(folder: string, extent: number | undefined): Promise<string> {
  const to = await mkdtemp(join(tmpdir(), 'espalier-layers-'));
  const files = await openFileSet(folder);
  for (const name of files.names) {
    const bytes = await files.read(name);
    if (name !== 'model.json' || extent === undefined) await writeFile(join(to, name), bytes);
    else {
      const json = Buffer.from(bytes).toString();
      const declared = '"batch_input_shape": [null, 256, 256, 256, 1]';
      expect(json).toContain(declared);
      await writeFile(join(to, name), json.replace(declared, declared.replaceAll('256', String(extent))));
    }
  }
  await files.close();
  return to;
}

for (const [name, { units, config, extent, onCpu }] of Object.entries(MODELS)) {
  describeShared(name, `models/tfjs-layers/${name}`, (folder) => {
    test('half of its MACs are pruned, certified, and the file loads in stock TensorFlow.js', async () => {
      const path = await modelFolder(folder, extent);
      const options = { engine: 'onnxruntime', threads: 1 } as const;
      const { result, outDir } = await runWholeJob(path, { ...config, target: { macs: 0.5 } }, options);
      const { baseline, pruned, equivalence } = result!;
      expect(pruned.macs / baseline.macs).toBeLessThanOrEqual(0.5);
      expect(pruned.macs / baseline.macs).toBeGreaterThan(0.4);
      expect(equivalence!.ok).toBe(true);
      expect(equivalence!.relative).toBeLessThan(1e-5);
      // A volume is convolved by onnxruntime alone.
      const other = extent === undefined ? CPU_ENGINE : 'onnxruntime';
      expect(equivalence!.engines).toMatchObject({ names: ['onnxruntime', other], delivered: 'graph' });
      const report = JSON.parse(await readFile(join(outDir, 'report.json'), 'utf8'));
      expect(report.units.length).toBe(units);

      const zip = await openFileSet(join(outDir, 'model.zip'));
      const written = new Map(await Promise.all(zip.names.map(async (n) => [n, await zip.read(n)] as const)));
      const { graph } = await (await detectFormat(zip)).read(zip);
      await zip.close();
      const dims = graph.values.get(graph.inputs[0])!.shape.slice(1) as number[];
      const size = dims.reduce((n, d) => n * d, 1);
      const input = tensor(
        'float32',
        [1, ...dims],
        Float32Array.from({ length: size }, (_, i) => (i % 97) / 97),
      );
      const compiled = await createOnnxRuntimeEngine({ threads: 1 }).compile(graph);
      const here = [...(await compiled.run(new Map([[graph.inputs[0], input]]))).values()] as Tensor<'float32'>[];
      await compiled.release();
      await (onCpu ? useCpu() : useWasm());
      const stock = await loadStock(written);
      expect(stock.countParams()).toBe(pruned.parameters);
      expect(relativeError(runStock(stock, [input]), here)).toBeLessThan(1e-4);
    });
  });
}
