import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * Builds the native engine from sources in which one text is replaced: one that is wrong on purpose.
 * @param file below src/engine/native
 * @returns the addon's file, in a folder below build/ (where its headers are found) that `remove` deletes
 */
export async function buildMutant(
  file: string,
  from: string,
  to: string,
): Promise<{ path: string; remove: () => Promise<void> }> {
  await mkdir('build', { recursive: true });
  const root = await mkdtemp('build/mutant-');
  const sources = join(root, 'src/engine/native');
  await cp('src/engine/native', sources, { recursive: true });
  const text = await readFile(join(sources, file), 'utf8');
  if (text.split(from).length !== 2) throw new Error(`${file} has not one place that says ${from}`);
  await writeFile(join(sources, file), text.replace(from, to));
  const { stdout } = await promisify(execFile)('node', [join(sources, 'build.mjs')]);
  if (!stdout.includes('native engine built')) throw new Error(stdout);
  return { path: join(root, 'build/native/espalier.node'), remove: () => rm(root, { recursive: true }) };
}
