import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** What takes minutes: processes, servers, kills, models as they are, files of others in great number. */
const SYSTEM = ['conformance', 'docs', 'e2e', 'fault', 'package'].map((folder) => `test/${folder}/**/*.test.ts`);

const common = {
  testTimeout: 60_000,
  hookTimeout: 120_000,
  pool: 'forks',
} as const;

export default defineConfig({
  test: {
    globalSetup: ['test/temporary-folder.ts'],
    projects: [
      {
        test: {
          ...common,
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: SYSTEM,
          maxWorkers: availableParallelism(),
          sequence: { groupOrder: 0 },
        },
      },
      // One file at a time: what they measure (memory, stalls) is a process's own, but the machine is shared.
      {
        test: { ...common, name: 'system', include: SYSTEM, fileParallelism: false, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
