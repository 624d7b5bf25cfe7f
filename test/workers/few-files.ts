/** Starts a child while this process has no open files left (its limit is the caller's), then once it has. Prints how each ended. */
import { closeSync, openSync } from 'node:fs';
import { parseInspectChildMessage } from '../../workers/protocol.js';
import { runChild } from '../../workers/run-child.js';

const startChild = () =>
  runChild({
    entry: new URL('./stand-in-inspector.js', import.meta.url),
    request: {
      type: 'inspect',
      kind: 'model',
      path: '/',
      name: 'good.zip',
      limits: { unpackedBytes: 1, compressionRatio: 1, entries: 1 },
    },
    parse: parseInspectChildMessage,
    onEvent: () => {},
    onOutput: () => {},
    limits: { memoryBytes: 2 ** 29, deadlineMs: 60_000, cancelGraceMs: 1000 },
    niceness: 0,
  }).ended;

const taken: number[] = [];
try {
  for (;;) taken.push(openSync('/dev/null', 'r'));
} catch {
  // That was the last one.
}
const without = await startChild();
for (const fd of taken) closeSync(fd);
console.log(JSON.stringify([without, await startChild()]));
