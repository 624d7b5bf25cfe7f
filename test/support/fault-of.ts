import { EspalierError } from '../../src/errors.js';

/** The coded error that a call throws. Anything else that it throws goes on; that it throws nothing is an error. */
export function faultOf(run: () => unknown): EspalierError {
  try {
    run();
  } catch (error) {
    if (error instanceof EspalierError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
