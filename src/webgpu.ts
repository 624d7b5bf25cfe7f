import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Drivers are loaded, and one shader is compiled. */
const TIMEOUT_MS = 20_000;

/** The compiled module: below this one, or in `dist/` when this one runs from source. */
const CHILD = fileURLToPath(
  new URL(
    `${import.meta.url.endsWith('.ts') ? '../dist/src' : '.'}/engine/onnxruntime/webgpu-child.js`,
    import.meta.url,
  ),
);

/**
 * Why WebGPU does not compute on this machine; undefined where it does, on a GPU or on a software adapter. A child asks,
 * so that nothing of a driver is loaded here. Drivers do not come and go: it asks once.
 */
export function findWebGpuFault(): Promise<string | undefined> {
  fault ??= ask();
  return fault;
}

let fault: Promise<string | undefined> | undefined;

function ask(): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(process.execPath, [CHILD], { timeout: TIMEOUT_MS }, (error, stdout) => {
      if (!error) return resolve(undefined);
      resolve(stdout.trim() || `asking for a WebGPU device ended with ${error.signal ?? `code ${error.code}`}`);
    });
  });
}
