import { EspalierError } from '../../errors.js';
import { GraphBuilder } from '../../graph/builder.js';
import { tensor } from '../../graph/tensor.js';
import type { Engine } from '../engine.js';
import { createOnnxRuntimeEngine } from './engine.js';

/**
 * onnxruntime on WebGPU, by the provider that its npm package brings (Dawn: Vulkan, Direct3D 12 or Metal), once a graph of
 * one node has run there.
 * @param options.threads of what the host does
 * @throws EspalierError UNAVAILABLE where no adapter answers, with what onnxruntime says about it.
 */
export async function openWebGpuEngine(options: { threads: number }): Promise<Engine> {
  const engine = createOnnxRuntimeEngine({ ...options, device: 'webgpu' });
  const b = new GraphBuilder('webgpu probe');
  b.output('y', b.op('Neg', [b.input('x', { dtype: 'float32', shape: [2] })]));
  try {
    const compiled = await engine.compile(b.build());
    await compiled.run(new Map([['x', tensor('float32', [2], [1, -2])]]));
    await compiled.release();
  } catch (cause) {
    const [line] = (cause instanceof Error ? cause.message : String(cause)).split('\n');
    // Before it stand a place in onnxruntime's sources and the check that failed there.
    const reason = line.split(' was false. ').at(-1);
    throw new EspalierError('UNAVAILABLE', `there is no WebGPU device here: ${reason} (docs/gpu.md)`, { cause });
  }
  return engine;
}
