import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** What takes minutes: processes, servers, kills, models as they are, files of others in great number. */
const SYSTEM = ['conformance', 'docs', 'e2e', 'fault', 'package'];

/** What computes and keeps nothing: such files follow each other in a process, which loads the sources once. */
const COMPUTING =
  'archive autodiff checks data drawing engine formats graph onnx-proto pipeline prune-config pruning recovery'.split(
    ' ',
  );

/** In folders that compute, what sets a whole process: which packages there are, the backend of TensorFlow.js. */
const SETTING = [
  'test/engine/tensorflow/**/*.test.ts',
  'test/engine/open-engine.test.ts',
  'test/pipeline/engines.test.ts',
  'test/pipeline/certificate/jobs.test.ts',
];

const within = (folders: readonly string[]): string[] => folders.map((folder) => `test/${folder}/**/*.test.ts`);

const common = {
  testTimeout: 60_000,
  hookTimeout: 120_000,
  pool: 'forks',
} as const;

/** On all cores, before anything else. */
const unit = { ...common, maxWorkers: availableParallelism(), sequence: { groupOrder: 0 } };

export default defineConfig({
  test: {
    globalSetup: ['test/temporary-folder.ts'],
    projects: [
      { test: { ...unit, name: 'unit', include: within(COMPUTING), exclude: SETTING, isolate: false } },
      {
        test: {
          ...unit,
          name: 'unit-alone',
          include: [`test/!(${[...COMPUTING, ...SYSTEM].join('|')})/**/*.test.ts`, 'test/*.test.ts', ...SETTING],
        },
      },
      // One file at a time: what they measure (memory, stalls) is a process's own, but the machine is shared.
      {
        test: {
          ...common,
          name: 'system',
          include: within(SYSTEM),
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
