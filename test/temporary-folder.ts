import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Vitest's global setup: whatever tests and their processes leave in the temporary folder goes when they are over. */
export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'espalier-test-'));
  process.env.TMPDIR = folder;
  return () => rmSync(folder, { recursive: true, force: true });
}
