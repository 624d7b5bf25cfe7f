import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, test } from 'vitest';
import { CHANNEL_REASONS } from '../../../src/graph/ops/reasons.js';

test.each(Object.keys(CHANNEL_REASONS))('the reason %s is documented', (code) => {
  const page = readFileSync(resolve(import.meta.dirname, '../../../docs/reasons.md'), 'utf8');
  expect(page).toContain(`| \`${code}\` |`);
});
