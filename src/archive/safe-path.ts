import { EspalierError } from '../errors.js';

const JUNK = [/(^|\/)__MACOSX\//, /(^|\/)\._[^/]*$/, /(^|\/)\.DS_Store$/, /(^|\/)Thumbs\.db$/, /(^|\/)desktop\.ini$/];

/** Files that archivers of desktop systems add and no model or data set means. */
export function isJunk(name: string): boolean {
  return JUNK.some((pattern) => pattern.test(name));
}

/**
 * Checks that a path of an archive stays inside it: relative, POSIX, without `..`.
 * @throws EspalierError ARCHIVE_UNSAFE_PATH naming the path
 */
export function checkSafePath(name: string): void {
  const fault = findFault(name);
  if (fault) {
    throw new EspalierError('ARCHIVE_UNSAFE_PATH', `the archive has an entry ${JSON.stringify(name)}: ${fault}`);
  }
}

function findFault(name: string): string | undefined {
  if (name === '') return 'an empty name';
  if (name.includes('\0')) return 'a NUL in the name';
  if (name.includes('\\')) return 'a backslash in the name';
  if (name.startsWith('/') || /^[a-zA-Z]:/.test(name)) return 'an absolute path';
  const parts = name.replace(/\/$/, '').split('/');
  if (parts.includes('..')) return 'it leaves the archive';
  if (parts.includes('') || parts.includes('.')) return 'a path that is not in its shortest form';
  return undefined;
}
