import { type Engine, openEngine } from '../../engine/index.js';
import { EspalierError } from '../../errors.js';

/** An engine that may be held against onnxruntime; opened only when it is needed. */
export interface OtherEngine {
  readonly name: string;
  /** @returns the reason where it isn't here */
  open(): Promise<Engine | { readonly reason: string }>;
}

/** What graphs can run on beside onnxruntime, the preferred first. TensorFlow is here only where an operator installed it. */
export function otherEngines(threads: number): OtherEngine[] {
  return (['native', 'tensorflow'] as const).map((name) => ({
    name,
    async open() {
      try {
        return await openEngine({ engine: name, threads });
      } catch (error) {
        if (!(error instanceof EspalierError) || error.code !== 'UNAVAILABLE') throw error;
        return { reason: error.message };
      }
    },
  }));
}
