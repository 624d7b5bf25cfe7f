/** Zips of many entries, whose directory is longer than the window that it is listed through. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { DATASET_LIMITS, openFileSet, writeZip } from '../../src/archive/index.js';

const folder = mkdtempSync(join(tmpdir(), 'espalier-zip-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const COUNT = 9000;
const nameOf = (i: number) => `${'a-long-name-of-a-folder/'.repeat(4)}${i}`;

test('every entry of a long directory is listed, and read in any order, side by side', async () => {
  const path = join(folder, 'many.zip');
  const entries = Array.from({ length: COUNT }, (_, i): [string, Buffer] => [nameOf(i), Buffer.from(`bytes of ${i}`)]);
  await writeZip(new Map(entries), path, { compress: false });
  const files = await openFileSet(path, { limits: DATASET_LIMITS });
  expect(files.names).toHaveLength(COUNT);
  const wanted = [COUNT - 1, 0, 4321, 4322, 17];
  const read = await Promise.all(wanted.map((i) => files.read(nameOf(i))));
  expect(read.map((bytes) => Buffer.from(bytes).toString())).toEqual(wanted.map((i) => `bytes of ${i}`));
  expect(Buffer.from(await files.read(nameOf(5))).toString()).toBe('bytes of 5');
  await files.close();
});

test.runIf(process.platform === 'linux')('no file stays open, after a refusal neither', async () => {
  const path = join(folder, 'few.zip');
  await writeZip(
    new Map([
      ['a', Buffer.from('x')],
      ['b', Buffer.from('y')],
    ]),
    path,
  );
  const before = readdirSync('/proc/self/fd').length;
  const files = await openFileSet(path);
  await files.read('a');
  await files.close();
  await expect(openFileSet(path, { limits: { ...DATASET_LIMITS, entries: 1 } })).rejects.toThrow();
  const broken = join(folder, 'broken.zip');
  writeFileSync(broken, 'PK\x03\x04 and no directory');
  await expect(openFileSet(broken)).rejects.toMatchObject({ code: 'ARCHIVE_INVALID' });
  await expect.poll(() => readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before);
});
