import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { compiled } from './worker-fixture.js';

test('a child for which there are no open files ends as one that was not started, and the next one runs', () => {
  const script = fileURLToPath(compiled('test/workers/few-files.js'));
  const run = ['-c', 'ulimit -n 1024 && exec "$0" "$1"', process.execPath, script];
  const { stdout, stderr } = spawnSync('sh', run, { encoding: 'utf8', timeout: 30_000 });
  expect(stderr).toBe('');
  expect(JSON.parse(stdout)).toEqual([
    { type: 'not-started', detail: expect.stringMatching(/^it could not be started: spawn .* EMFILE$/) },
    { type: 'done', value: { format: 'onnx' } },
  ]);
});
