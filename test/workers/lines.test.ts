import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { expect, test } from 'vitest';
import { forEachLine } from '../../workers/lines.js';

async function linesOf(...chunks: string[]): Promise<string[]> {
  const lines: string[] = [];
  const stream = Readable.from(chunks, { objectMode: false });
  forEachLine(stream, (line) => lines.push(line));
  await finished(stream);
  return lines;
}

test('lines come whole, however they are cut, and the last one without its end', async () => {
  expect(await linesOf('a\nb', 'c\n\nd')).toEqual(['a', 'bc', 'd']);
});

test('a line without end is cut, and a flood ends', async () => {
  const long = await linesOf('x'.repeat(20_000), 'y');
  expect(Math.max(...long.map((line) => line.length))).toBe(8192);
  const flood = await linesOf('z\n'.repeat(5000));
  expect(flood).toHaveLength(1001);
  expect(flood[1000]).toMatch(/more than 1000 lines a minute/);
});
