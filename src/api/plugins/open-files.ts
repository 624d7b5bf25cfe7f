import { readFileSync } from 'node:fs';

/** How many files and connections this process may have open; undefined without a bound, and where it can't be told (no Linux). */
export function openFilesLimit(): number | undefined {
  try {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    return found === null ? undefined : Number(found[1]);
  } catch {
    return undefined;
  }
}
