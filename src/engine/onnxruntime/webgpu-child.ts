/** A process that ends with 0 where WebGPU computes, else with 1 and the reason: a driver that crashes takes only this. */
import { openWebGpuEngine } from './webgpu.js';

try {
  await openWebGpuEngine({ threads: 1 });
} catch (error) {
  process.stdout.write(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
}
