import { expect, test } from 'vitest';
import { OpenAnswers } from '../../src/api/open-answers.js';

const MIB = 2 ** 20;

test('long texts are refused once too much is on its way; what can be done but once is counted and let through', async () => {
  const open = new OpenAnswers(1);
  const ended = new AbortController();
  const signal = () => new AbortController().signal;
  const text = Buffer.alloc(20 * MIB);
  expect(await open.addText(text, () => ended.signal)).toBe(text);
  expect(await open.addText(text, signal)).toBe(text);
  await expect(open.addText(Buffer.alloc(20 * MIB), signal)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  const once = Buffer.alloc(20 * MIB);
  expect(await open.addText(once, () => ended.signal, { refuses: false })).toBe(once);
  await expect(open.addText(Buffer.alloc(1), signal)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  const notAsked = () => {
    throw new Error('a short text is asked for nothing');
  };
  expect(await open.addText('short', notAsked)).toBe('short');
  ended.abort();
  const next = Buffer.alloc(10 * MIB);
  expect(await open.addText(next, signal)).toBe(next);
});
