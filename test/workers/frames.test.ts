import { expect, test } from 'vitest';
import { encodeFrame, FrameReader, LONGEST_FRAME } from '../../workers/frames.js';

const read = (...chunks: (string | Buffer)[]) => {
  const reader = new FrameReader();
  return chunks.flatMap((chunk) => [...reader.push(Buffer.from(chunk))].map(({ message }) => message));
};

test('messages come out as they went in, however they are cut', () => {
  const messages = [{ a: 'line\nbreak' }, { b: ['é', '\u2028'] }, {}];
  const bytes = Buffer.concat(messages.map((message) => encodeFrame(message)));
  expect(read(bytes)).toEqual(messages);
  expect(read(...Array.from(bytes, (byte) => Buffer.from([byte])))).toEqual(messages);
});

test('half a line is no message', () => {
  expect(read('{"a":1}\n{"b"')).toEqual([{ a: 1 }]);
});

test.each<[string, (string | Buffer)[], RegExp]>([
  ['garbage', [Buffer.from([0, 255, 10])], /not JSON/],
  ['an empty line', ['\n'], /not JSON/],
  ['nested without end', [`${'['.repeat(1000)}${']'.repeat(1000)}\n`], /nested deeper than 100 levels/],
  [
    'too long, before its end has come',
    Array.from({ length: 17 }, () => 'x'.repeat(2 ** 20)),
    /more than 16777216 bytes/,
  ],
])('a message that is %s is refused', (_what, chunks, why) => {
  expect(() => read(...chunks)).toThrow(why);
});

test('what would be refused is not sent', () => {
  expect(() => encodeFrame({ text: 'x'.repeat(LONGEST_FRAME) })).toThrow(/at most 16777216 are sent/);
  expect(() => encodeFrame({ text: 'x'.repeat(200) }, 100)).toThrow(/at most 100 are sent/);
});
