/** Starts a job's child, says its process id once the job is at work, and waits to be killed. */
import type { JobEvent, JobOutcome } from '../../src/contract.js';
import { parseJobChildMessage } from '../../workers/protocol.js';
import { runChild } from '../../workers/run-child.js';

const [step, folder] = process.argv.slice(2);
const spec = {
  jobId: 'job_orphan',
  model: { path: folder, name: 'm', sha256: '0' },
  config: { steps: [step] },
  outDir: folder,
  checkpointDir: folder,
  engine: 'auto',
  threads: 1,
};

const child = runChild<JobEvent, JobOutcome>({
  entry: new URL('../workers/stand-in-child.js', import.meta.url),
  request: { type: 'run', spec },
  parse: parseJobChildMessage,
  // 'block' says so a moment before it blocks; its parent then dies while it does.
  onEvent: ({ type }) => type === 'log' && setTimeout(() => process.send?.({ pid: child.pid }), 300),
  onOutput: (_stream, line) => console.error(line),
  limits: { memoryBytes: 2 ** 29, deadlineMs: 60_000, cancelGraceMs: 1000 },
  niceness: 0,
});
