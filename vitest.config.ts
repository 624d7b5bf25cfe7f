import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** What takes minutes: processes, servers, kills, models as they are, files of others in great number. */
const SYSTEM = ['conformance', 'docs', 'e2e', 'fault', 'package'];

/** What sets nothing of its process: such files follow each other in one, which loads the sources once. */
const SHARING = [
  ...['api', 'archive', 'autodiff', 'checks', 'client', 'data', 'drawing', 'engine', 'formats', 'graph', 'jobs'],
  ...['onnx-proto', 'pipeline', 'prune-config', 'pruning', 'queue', 'recovery', 'storage'],
];

/** In those folders, what does: which packages there are, the backend of TensorFlow.js, modules in place of others. */
const SETTING = ['test/engine/tensorflow/**/*.test.ts', 'test/engine/open-engine.test.ts'];

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
      { test: { ...unit, name: 'unit', include: within(SHARING), exclude: SETTING, isolate: false } },
      {
        test: {
          ...unit,
          name: 'unit-alone',
          include: [`test/!(${[...SHARING, ...SYSTEM].join('|')})/**/*.test.ts`, 'test/*.test.ts', ...SETTING],
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
