/** How TensorFlow is found and loaded. The packages are stand-ins: the real ones hold half a gigabyte of libraries. */
import { describe, expect, test } from 'vitest';
import { openEngine } from '../../../src/engine/index.js';
import { GraphBuilder } from '../../../src/graph/builder.js';
import { tensor } from '../../../src/graph/tensor.js';
import { installedEngines } from '../../../src/installed-engines.js';
import { CPU_ENGINE } from '../cpu-engine.js';
import { tensorFlowPackage, withPackages } from './stand-in-package.js';

const GPU = '@tensorflow/tfjs-node-gpu';
const CPU = '@tensorflow/tfjs-node';
const BROKEN = { name: GPU, code: `throw new Error("libcudart.so.11.0: cannot open shared object file\\n at x")` };

/** Opens an engine, and collects what it says. */
async function open(engine: 'auto' | 'tensorflow') {
  const notices: string[] = [];
  const opened = await openEngine({ engine, threads: 2, notice: (line) => notices.push(line) });
  return { engine: opened, name: opened.name, device: opened.device, threads: opened.threads, notices };
}

const ON_CPU = [...new Set([CPU_ENGINE, 'onnxruntime'])].map((name) => ({ name, device: 'cpu' }));

describe('without a package', () => {
  test('the tensorflow engine is unavailable, and the error says how to install it, in one line', async () => {
    const error = await open('tensorflow').catch((e) => e);
    expect(error).toMatchObject({ code: 'UNAVAILABLE' });
    expect(error.message).toContain(`${GPU} is not installed (\`npm run gpu:install\` installs it)`);
    expect(error.message).not.toContain('\n');
  });

  test('auto is on the CPU, with a notice of one line', async () => {
    const { name, device, notices } = await open('auto');
    expect({ name, device }).toEqual({ name: CPU_ENGINE, device: 'cpu' });
    expect(notices).toEqual([expect.stringMatching(/^computing on the CPU: .*tfjs-node-gpu is not installed.*$/)]);
  });

  test('only engines of the CPU are installed', () => {
    expect(installedEngines()).toEqual(ON_CPU);
  });
});

describe('with the GPU package', () => {
  test.each(['auto', 'tensorflow'] as const)('%s is TensorFlow on CUDA, and computes', async (choice) => {
    await withPackages([tensorFlowPackage(GPU, true)], async () => {
      const { engine, notices, ...rest } = await open(choice);
      expect(rest).toEqual({ name: 'tensorflow', device: 'cuda', threads: 2 });
      expect(notices).toEqual([]);
      const b = new GraphBuilder('one op');
      b.output('y', b.op('Neg', [b.input('x', { dtype: 'float32', shape: ['N'] })]));
      const compiled = await engine.compile(b.build());
      const y = (await compiled.run(new Map([['x', tensor('float32', [2], [1, -2])]]))).get('y');
      expect(y).toEqual(tensor('float32', [2], [-1, 2]));
    });
  });

  test('that finds no GPU, auto stays on the CPU and says why', async () => {
    await withPackages([tensorFlowPackage(GPU, false)], async () => {
      const { name, notices } = await open('auto');
      expect(name).toBe(CPU_ENGINE);
      expect(notices).toEqual([`computing on the CPU: ${GPU} finds no GPU`]);
      expect(await open('tensorflow')).toMatchObject({ name: 'tensorflow', device: 'cpu' });
    });
  });

  test('that does not load, its own reason is given, without its stack', async () => {
    await withPackages([BROKEN], async () => {
      const reason = `${GPU} is installed but does not load (libcudart.so.11.0: cannot open shared object file)`;
      expect((await open('auto')).notices).toEqual([`computing on the CPU: ${reason}`]);
      await expect(open('tensorflow')).rejects.toMatchObject({
        code: 'UNAVAILABLE',
        message: expect.stringContaining(reason),
      });
    });
  });

  test('that does not load, the CPU package takes its place', async () => {
    await withPackages([BROKEN, tensorFlowPackage(CPU, false)], async () => {
      expect(await open('tensorflow')).toMatchObject({ name: 'tensorflow', device: 'cpu' });
      expect((await open('auto')).name).toBe(CPU_ENGINE);
    });
  });
});

test('what is installed is told without loading it', async () => {
  const unloadable = [
    { name: GPU, code: 'throw new Error("loaded")' },
    { name: CPU, code: 'throw new Error("loaded")' },
  ];
  await withPackages(unloadable, () => {
    expect(installedEngines()).toEqual([
      ...ON_CPU,
      { name: 'tensorflow', device: 'cuda' },
      { name: 'tensorflow', device: 'cpu' },
    ]);
  });
});
