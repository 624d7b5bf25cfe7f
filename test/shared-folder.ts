import { resolve } from 'node:path';

/** The folder of third-party models, conformance cases, goldens and data that tests and benchmarks read. */
export const SHARED = resolve(process.env.ESPALIER_SHARED ?? '../shared');
