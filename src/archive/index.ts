/** Uploads as sets of files: zips, tars, folders, single files. A leaf: formats and data both read through it. */
export type { FileSet, OpenFileSet, WalkedFile } from './file-set.js';
export { type ArchiveLimits, DATASET_LIMITS, DEFAULT_LIMITS, NO_LIMITS } from './limits.js';
export { fileSetOf, isZip, type OpenOptions, openFileSet } from './open.js';
export { ScratchFile } from './scratch-file.js';
export { writeZip } from './zip-writer.js';
