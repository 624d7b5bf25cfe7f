import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire, Module } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const require = createRequire(import.meta.url);

export interface StandIn {
  /** A package's name: it gets a folder of its own. */
  readonly name: string;
  /** What the package's main module holds. */
  readonly code: string;
}

/** A package that is stock TensorFlow.js under another backend's name, as tfjs-node-gpu is, on a GPU or not. */
export function tensorFlowPackage(name: string, isUsingGpuDevice: boolean): StandIn {
  const paths = Object.fromEntries(['tfjs', 'tfjs-backend-cpu'].map((p) => [p, require.resolve(`@tensorflow/${p}`)]));
  const code = `
    const tf = require(${JSON.stringify(paths.tfjs)});
    const { MathBackendCPU } = require(${JSON.stringify(paths['tfjs-backend-cpu'])});
    class Backend extends MathBackendCPU { isUsingGpuDevice = ${isUsingGpuDevice}; }
    if ('tensorflow' in tf.engine().registryFactory) tf.removeBackend('tensorflow');
    if (tf.getKernelsForBackend('tensorflow').length === 0) tf.copyRegisteredKernels('cpu', 'tensorflow');
    tf.registerBackend('tensorflow', () => new Backend(), 3);
    tf.setBackend('tensorflow');
    module.exports = tf;`;
  return { name, code };
}

/**
 * Puts packages where this process finds those that it doesn't have itself, for the time of `use`.
 * @param packages they are built: each has the file that its install script would fetch.
 */
export async function withPackages<T>(packages: readonly StandIn[], use: () => T | Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'stand-in-'));
  const before = process.env.NODE_PATH;
  for (const { name, code } of packages) {
    const root = join(folder, name);
    mkdirSync(join(root, 'lib/napi-v8'), { recursive: true });
    writeFileSync(join(root, 'lib/napi-v8/tfjs_binding.node'), '');
    writeFileSync(join(root, 'package.json'), JSON.stringify({ name, version: '0.0.0', main: 'index.js' }));
    writeFileSync(join(root, 'index.js'), code);
  }
  const search = (path: string | undefined) => {
    if (path === undefined) delete process.env.NODE_PATH;
    else process.env.NODE_PATH = path;
    (Module as unknown as { _initPaths(): void })._initPaths();
  };
  search(folder);
  try {
    return await use();
  } finally {
    search(before);
    rmSync(folder, { recursive: true });
  }
}
