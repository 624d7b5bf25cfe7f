/** Uploads as sets of files: zips, folders, single files. A leaf: formats and data both read through it. */
export type { FileSet, OpenFileSet } from './file-set.js';
export { type ArchiveLimits, DEFAULT_LIMITS, NO_LIMITS } from './limits.js';
export { fileSetOf, isZip, openFileSet } from './open.js';
export { writeZip } from './zip-writer.js';
